package org.longform.spark;

import java.util.Map;
import java.util.Optional;
import org.apache.spark.TaskFailedReason;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.metrics.RuntimeMetrics;
import org.longform.spark.metrics.TotalsReporter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An executor's side. Starting must be quick: Spark waits for it, so no model is loaded here. */
final class LongformExecutor implements ExecutorPlugin {
  private static final Logger LOG = LoggerFactory.getLogger(LongformExecutor.class);

  // what Spark calls the executor that a local application has in its driver
  private static final String DRIVER = "driver";

  private Optional<TotalsReporter> totals = Optional.empty();

  @Override
  public void init(PluginContext context, Map<String, String> settings) {
    JavaVersion.check(Runtime.version().feature());
    AssignedCard.use(context.resources().get("gpu"));
    LongformRuntime.configure(settings);
    if (!context.executorID().equals(DRIVER)) {
      LongformRuntime.pinModelsBy(name -> PinnedModel.ask(name, context));
    }
    LongformRuntime.checkMemory(settings).ifPresent(LOG::warn);
    RuntimeMetrics.register(context.metricRegistry(), LongformRuntime::stats);
    totals = Optional.of(new TotalsReporter(context, LongformRuntime::stats));
  }

  // whoever waits for the task finds its work among the totals
  @Override
  public void onTaskSucceeded() {
    totals.ifPresent(TotalsReporter::tell);
  }

  @Override
  public void onTaskFailed(TaskFailedReason reason) {
    totals.ifPresent(TotalsReporter::tell);
  }

  @Override
  public void shutdown() {
    ShutdownSteps.run(
        new ShutdownSteps.Step(
            "tell the totals", () -> LOG.info("Longform did: {}", LongformRuntime.stats())),
        new ShutdownSteps.Step("stop telling them", () -> totals.ifPresent(TotalsReporter::close)),
        new ShutdownSteps.Step("ask for models here", () -> LongformRuntime.pinModelsBy(null)),
        new ShutdownSteps.Step("release the model", LongformRuntime::shutdown));
  }
}
