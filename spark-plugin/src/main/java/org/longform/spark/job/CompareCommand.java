package org.longform.spark.job;

import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.ContextOptions;
import org.longform.options.GenerationOptions;
import org.longform.options.Options;
import org.longform.options.OutputOptions;
import org.longform.spark.compare.Cell;
import org.longform.spark.compare.Comparison;
import org.longform.spark.compare.ComparisonReport;
import org.longform.spark.compare.Contender;
import org.longform.spark.compare.Match;
import org.longform.spark.compare.Measure;
import org.longform.spark.job.input.AskedDocuments;
import org.longform.spark.job.input.AskedSpec;
import org.longform.spark.job.input.InputFormat;
import org.longform.spark.job.input.InputSpec;
import org.longform.spark.sink.KeyedTable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs strategies over the same documents and questions and shows how they differ. */
@Command
final class CompareCommand implements Callable<Integer> {
  private static final String RESULTS = "results";

  /** An expected answer of the generated articles has about 20 tokens. */
  private static final int ANSWER_TOKENS = 40;

  private final CommandContext context;

  @Spec private CommandSpec command;
  @Mixin private SessionArguments session;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "<path>",
      order = -30,
      description =
          "Directory for the results (a Delta table), the page comparison.html, charts and generated"
              + " articles. What is in the results is not read again.")
  private String output;

  @Option(
      names = "--contexts",
      defaultValue = Contender.ALL,
      split = ",",
      paramLabel = "<names>",
      order = -29,
      description =
          "Context strategies, and reading strategies that read for a question, with commas"
              + " between; each may set options of its own:"
              + " reattention,lm-infinite:top-k-middle=5:kv-dtype=q8. Default: all of them.")
  private List<String> contexts;

  @Option(
      names = "--measures",
      defaultValue = "answers,perplexity",
      split = ",",
      paramLabel = "<words>",
      order = -28,
      description = "What to measure: answers, perplexity, or both. Default: answers,perplexity.")
  private List<String> measures;

  @Option(
      names = "--up-to",
      defaultValue = "8",
      paramLabel = "<n>",
      order = -27,
      description =
          "Generate articles from the trained window up to this many times as long. Default: 8.")
  private int upTo;

  @Option(
      names = "--lengths",
      split = ",",
      paramLabel = "<tokens>",
      order = -26,
      description = "Lengths of the generated articles in tokens of the model, instead of --up-to.")
  private List<Integer> lengths;

  @Option(
      names = "--questions",
      defaultValue = "2",
      paramLabel = "<n>",
      order = -25,
      description =
          "Questions about the generated articles at each of five depths and each length."
              + " Default: 2.")
  private int questions;

  @Option(
      names = "--input",
      arity = "1..*",
      paramLabel = "<path>",
      order = -24,
      description =
          "Documents of your own instead of generated ones: files or a Delta table as for 'longform"
              + " ask'. Each counts for the next power of two of its tokens.")
  private List<String> input = List.of();

  @Option(
      names = "--format",
      defaultValue = "auto",
      paramLabel = "<format>",
      order = -23,
      description = "Format of --input: auto, text, jats, json, parquet or delta. Default: auto.")
  private String format;

  @Option(
      names = "--text-column",
      defaultValue = InputSpec.DEFAULT_TEXT_COLUMN,
      paramLabel = "<column>",
      order = -22,
      description = "Column with the text. Default: text.")
  private String textColumn;

  @Option(
      names = "--id-column",
      defaultValue = "",
      paramLabel = "<column>",
      order = -21,
      description = "Column with the document's name. Default: doc_id if there is one.")
  private String idColumn;

  @Option(
      names = "--questions-column",
      defaultValue = "",
      paramLabel = "<column>",
      order = -20,
      description =
          "Column with an array of structs with question and answer. Default: questions if there is"
              + " one.")
  private String questionsColumn;

  @Option(
      names = "--question-column",
      defaultValue = "",
      paramLabel = "<column>",
      order = -19,
      description =
          "Column with one question, in tables with a row for each. Default: question if there is"
              + " one.")
  private String questionColumn;

  @Option(
      names = "--answer-column",
      defaultValue = "",
      paramLabel = "<column>",
      order = -18,
      description = "Column with the expected answer to it. Default: answer if there is one.")
  private String answerColumn;

  @Option(
      names = "--match",
      defaultValue = "exact",
      paramLabel = "<word>",
      order = -17,
      description =
          "When an answer is right: exact, if it is the expected one; contains, if the expected one"
              + " stands in it. Default: exact.")
  private String match;

  @Option(
      names = "--retry-failed",
      order = -16,
      description = "Try readings again that have an error in the results.")
  private boolean retryFailed;

  CompareCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    Options common = common();
    List<Contender> contenders = Contender.parse(contexts, common);
    Set<Measure> chosen = EnumSet.noneOf(Measure.class);
    measures.forEach(word -> chosen.add(Measure.ofWord(word)));
    Match judge = Match.ofWord(match);
    Map<String, String> options = Contender.withoutParameters(common);
    ComparisonRequest request =
        new ComparisonRequest(
            contenders,
            chosen,
            options,
            retryFailed ? JobRequest.FailedRows.RETRY : JobRequest.FailedRows.KEEP);
    try (JobSession open = JobSession.open(session.master());
        OutputFolder folder =
            OutputFolder.open(open.spark().sparkContext().hadoopConfiguration(), output)) {
      SparkSession spark = open.spark();
      // a model that cannot be used is told once, not in every cell
      context.readers().validate(options);
      Dataset<Row> documents = documents(spark, folder, options);
      KeyedTable table = KeyedTable.open(spark, folder.path(RESULTS), Cell.LAYOUT);
      ComparingJob.Outcome outcome =
          new ComparingJob(spark, context.readers(), context.progressLine())
              .run(request, documents, table);
      requireCells(outcome.cells());
      Comparison.Setup setup =
          new Comparison.Setup(
              modelOf(outcome.cells()),
              context.readers().trainedWindow(options),
              spark.sparkContext().defaultParallelism());
      List<String> labels = contenders.stream().map(Contender::label).toList();
      show(new Comparison(setup, labels, judge, outcome.cells()), outcome.read(), folder);
    }
    return LongformJob.DONE;
  }

  /** Options for all contenders. */
  private Options common() {
    Options given = OptionFlags.given(command.commandLine().getParseResult());
    if (given.isSet(ContextOptions.CONTEXT)) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '--context': several are compared (%s). Name them by --contexts."
              .formatted(given.get(ContextOptions.CONTEXT)));
    }
    Options common = Options.ofCall(ReadCommand.withAbsoluteModel(given));
    if (!common.isSet(GenerationOptions.MAX_NEW_TOKENS)) {
      common =
          common.with(GenerationOptions.MAX_NEW_TOKENS.sqlKey(), Integer.toString(ANSWER_TOKENS));
    }
    // evidence costs time that is not the strategy's
    return common.isSet(OutputOptions.EVIDENCE_COUNT)
        ? common
        : common.with(OutputOptions.EVIDENCE_COUNT.sqlKey(), "0");
  }

  private Dataset<Row> documents(
      SparkSession spark, OutputFolder folder, Map<String, String> options) {
    if (!input.isEmpty()) {
      if (lengths != null) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use option '--lengths' with '--input': it is for generated articles (%s). Keep one of the two."
                .formatted(lengths));
      }
      return AskedDocuments.open(
          spark,
          new AskedSpec(
              String.join(",", input),
              InputFormat.ofWord(format),
              textColumn,
              idColumn,
              questionsColumn,
              questionColumn,
              answerColumn));
    }
    int times = Arguments.positive("--up-to", upTo);
    List<Integer> wanted =
        lengths != null
            ? lengths
            : GeneratedArticles.upTo(context.readers().trainedWindow(options), times);
    GeneratedArticles articles =
        new GeneratedArticles(wanted, Arguments.positive("--questions", questions));
    return AskedDocuments.open(
        spark, AskedSpec.of(articles.write(folder, context.readers(), options)));
  }

  private void requireCells(List<Cell> cells) {
    if (cells.isEmpty()) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot compare: nothing is asked about the documents of '%s'. Give them questions, or measure perplexity."
              .formatted(String.join(",", input)));
    }
  }

  private static String modelOf(List<Cell> cells) {
    return cells.stream()
        .map(cell -> cell.origin().model())
        .filter(Objects::nonNull)
        .findFirst()
        .orElse("unknown");
  }

  private void show(Comparison comparison, int read, OutputFolder folder) {
    ComparisonReport report = new ComparisonReport(comparison);
    folder.write(report.files());
    context.out().print(report.text());
    context
        .out()
        .printf(
            "%d readings, %d of them new, %d with an error.%n",
            comparison.cells().size(), read, comparison.failed().size());
    context.out().printf("The page is at %s%n", folder.path(ComparisonReport.PAGE));
    context.out().printf("The Delta table is at %s%n", folder.path(RESULTS));
  }
}
