package org.longform.spark.job;

import static org.apache.spark.sql.functions.col;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.datasets.models.BundledModels;
import org.longform.models.ModelLocation;
import org.longform.models.ModelLocations;
import org.longform.options.AllOptions;
import org.longform.options.Option;
import org.longform.options.Options;
import org.longform.options.RuntimeOptions;
import org.longform.prompt.Task;
import org.longform.runtime.LongformRuntime;
import org.longform.spark.job.JobRequest.Recovery;
import org.longform.spark.job.input.InputSpec;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Reads documents and writes a table of answers. */
@Command
class ReadCommand implements Callable<Integer> {
  private final CommandContext context;
  private final Task task;
  private final Purpose purpose;

  @Spec private CommandSpec command;
  @Mixin private InputArguments input;
  @Mixin private OutputArguments output;
  @Mixin private SessionArguments session;

  /** What is done with the arguments. */
  enum Purpose {
    READ,
    /** Say what reading would take. */
    PLAN
  }

  ReadCommand(CommandContext context, Task task, Purpose purpose) {
    this.context = context;
    this.task = task;
    this.purpose = purpose;
  }

  /** Asked of every document. */
  List<String> questions() {
    return List.of();
  }

  /** Column with questions of the documents, empty for none. */
  String questionsColumn() {
    return "";
  }

  @Override
  public Integer call() {
    Options options = OptionFlags.given(command.commandLine().getParseResult());
    JobRequest request = request(options);
    try (JobSession open = JobSession.open(session.master())) {
      SparkSession spark = open.spark();
      if (purpose == Purpose.PLAN) {
        context.out().print(new DryRun(spark, context.readers()).forecast(request).text());
        return 0;
      }
      request = request.withRecovery(Recovery.of(LongformRuntime.complete(options)));
      JobSummary summary =
          new ReadingJob(spark, context.readers(), context.progressLine()).run(request);
      show(spark, summary);
      context.out().print(summary.text());
    }
    return 0;
  }

  private JobRequest request(Options options) {
    List<String> questions = questions();
    InputSpec spec = input.spec().withQuestionsColumn(questionsColumn());
    return new JobRequest(
        spec,
        task,
        questions,
        withAbsoluteModel(options),
        output.output(),
        input.limit(),
        output.batching(),
        output.failedRows(),
        options.get(RuntimeOptions.FAIL_ON_ERROR)
            ? JobRequest.OnError.FAIL_JOB
            : JobRequest.OnError.RECORD,
        Recovery.DEFAULT);
  }

  // an executor has a working directory of its own, in which a relative path means something else
  static Map<String, String> withAbsoluteModel(Options options) {
    Map<String, String> texts = new TreeMap<>(options.toMap());
    for (Option<String> model : AllOptions.MODELS) {
      texts.computeIfPresent(
          model.sqlKey(),
          (key, name) ->
              BundledModels.names().contains(name) || ModelLocations.isElsewhere(name)
                  ? ModelLocation.portable(name)
                  : ModelLocation.resolve(name).path().toAbsolutePath().normalize().toString());
    }
    return texts;
  }

  private void show(SparkSession spark, JobSummary summary) {
    if (output.show() == 0) {
      return;
    }
    List<Row> rows =
        spark
            .read()
            .format("delta")
            .load(summary.path())
            .filter(
                col("config_hash")
                    .equalTo(summary.configHash())
                    .and(col("task").equalTo(task.word())))
            .orderBy("doc_id", "question")
            .select("doc_id", "question", "value", "error.message")
            .limit(output.show())
            .collectAsList();
    for (Row row : rows) {
      context.out().println(row.getString(0));
      if (!row.getString(1).isEmpty()) {
        context.out().println("  Q: " + row.getString(1));
      }
      context.out().println(row.isNullAt(2) ? "  " + row.getString(3) : "  A: " + row.getString(2));
    }
    context.out().println();
  }
}
