package org.longform.bench.figures;

import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.longform.bench.Settings;
import org.longform.bench.engines.Engine.Work;
import org.longform.bench.engines.Longform;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;

/** The same forward pass inside a task of Spark and outside. */
final class SparkFigures implements Measurement {
  private static final Work WORK = Work.prefill(512);

  // what a task of this process uses, as all tasks of an executor share a model
  private static volatile Longform shared;

  @Override
  public String name() {
    return "spark";
  }

  @Override
  public String description() {
    return "prefill of 512 tokens inside a Spark task and outside";
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    int turns = 2 * settings.repetitions();
    double[] inside = new double[turns];
    double[] outside = new double[turns];
    SparkSession spark =
        SparkSession.builder()
            .master("local[1]")
            .appName("longform-bench")
            .config("spark.ui.enabled", "false")
            .getOrCreate();
    try (JavaSparkContext context = new JavaSparkContext(spark.sparkContext());
        Longform longform =
            Longform.open(settings.longModel(), settings.device(), settings.threads())) {
      shared = longform;
      inTask(context);
      outside();
      for (int turn = 0; turn < turns; turn++) {
        run.progress("spark, turn " + (turn + 1));
        inside[turn] = inTask(context);
        outside[turn] = outside();
      }
    } finally {
      shared = null;
      spark.stop();
    }
    report.add(
        Figure.valued(
            "prefill 512 inside a Spark task, outside %s tokens/s"
                .formatted(Math.round(Samples.median(outside))),
            "tokens/s",
            Samples.median(inside),
            Samples.median(inside) / Samples.median(outside),
            Target.ratio(0.97, Double.NaN),
            "medians, in turns"));
  }

  private static double inTask(JavaSparkContext context) {
    return context.parallelize(List.of(1), 1).map(ignored -> outside()).collect().get(0);
  }

  private static double outside() {
    return shared.tokensPerSecond(WORK, 1)[0];
  }
}
