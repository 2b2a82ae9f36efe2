package org.longform.spark.job;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_distinct;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.trim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.error.RootCause;
import org.longform.prompt.Task;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compares a table of answers with the gold answers of a generated corpus. */
final class EvaluateCommand implements Callable<Integer> {
  private static final int LONGEST_SHOWN = 100;

  private final CommandContext context;

  @Option(
      names = "--answers",
      required = true,
      paramLabel = "<path>",
      order = -20,
      description = "Delta table that 'longform ask' wrote.")
  private String answers;

  @Option(
      names = "--gold",
      required = true,
      arity = "1..*",
      paramLabel = "<path>",
      order = -19,
      description =
          "JSON lines with doc_id, length_tokens_target and questions, each with question and"
              + " answer, as the article generator writes them.")
  private List<String> gold;

  @Option(
      names = "--show",
      defaultValue = "3",
      paramLabel = "<n>",
      order = -18,
      description = "Questions to print with gold answer and answers. Default: 3.")
  private int show;

  @Mixin private SessionArguments session;

  EvaluateCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    try (JobSession open = JobSession.open(session.master())) {
      Dataset<Row> judged = judged(open.spark()).cache();
      printAnswers(judged);
      printShares(
          "Exact match of the whole answer, by tokens of the article", judged, col("exact"));
      if (!judged.where("size(evidence) > 0").isEmpty()) {
        printShares(
            "Exact answers whose best evidence is the sentence that states the fact",
            judged.where("exact AND size(evidence) > 0"),
            col("found"));
      }
      judged.unpersist();
    }
    return 0;
  }

  /** One row for each answer that has a gold answer. */
  private Dataset<Row> judged(SparkSession spark) {
    Dataset<Row> goldAnswers =
        opened(
                "gold answers",
                gold,
                () ->
                    spark
                        .read()
                        .schema(
                            "doc_id string, length_tokens_target long, "
                                + "questions array<struct<question: string, answer: string, depth: double>>")
                        .json(gold.toArray(String[]::new)))
            .select(col("doc_id"), col("length_tokens_target"), explode(col("questions")).as("q"))
            .select(
                col("doc_id"),
                col("length_tokens_target").as("length"),
                col("q.question").as("question"),
                col("q.answer").as("gold"),
                col("q.depth").as("depth"));
    return opened("answers", List.of(answers), () -> spark.read().format("delta").load(answers))
        .where(col("task").equalTo(Task.ASK.word()))
        .join(goldAnswers, new String[] {"doc_id", "question"}, "inner")
        .withColumn("exact", coalesce(trim(col("value")).equalTo(col("gold")), lit(false)))
        // the article may state a fact behind an introduction, so the gold answer's "The" is left
        // out
        .withColumn(
            "found",
            coalesce(
                expr("contains(evidence[0].text, substring(gold, 5, length(gold) - 5))"),
                lit(false)));
  }

  /** Spark says of a path that is not there what it has for its developers. */
  private static Dataset<Row> opened(
      String what, List<String> paths, Supplier<Dataset<Row>> reading) {
    try {
      return reading.get();
    } catch (Exception e) { // Scala throws checked exceptions that it does not declare
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot read the %s in %s: %s. Name what 'longform ask' and 'longform articles' wrote."
              .formatted(what, paths, RootCause.of(e)),
          e);
    }
  }

  private void printAnswers(Dataset<Row> judged) {
    if (show <= 0) {
      return;
    }
    // questions that most methods answered come first, so that methods stand side by side; of each
    // length one, then of each a second
    Dataset<Row> shown =
        judged
            .groupBy("doc_id", "question")
            .agg(
                count_distinct(col("method")).as("methods"),
                max("length").as("longest"),
                min("depth").as("place"))
            .withColumn(
                "nth",
                expr("row_number() OVER (PARTITION BY methods, longest ORDER BY place, doc_id)"))
            .orderBy(desc("methods"), col("nth"), desc("longest"))
            .limit(show)
            .select("doc_id", "question");
    List<Row> rows =
        judged
            .join(shown, new String[] {"doc_id", "question"}, "left_semi")
            .orderBy("length", "depth", "doc_id", "method")
            .collectAsList();
    String asked = "";
    for (Row row : rows) {
      String question = row.getAs("question");
      if (!question.equals(asked)) {
        asked = question;
        context
            .out()
            .printf(
                "%n%s, %d tokens, %.0f%% into it%n  question     %s%n  gold         %s%n",
                row.<String>getAs("doc_id"),
                row.<Long>getAs("length"),
                100 * row.<Double>getAs("depth"),
                question,
                row.<String>getAs("gold"));
      }
      context
          .out()
          .printf("  %-12s %s%n", row.<String>getAs("method"), shortened(row.getAs("value")));
    }
  }

  private static String shortened(String value) {
    if (value == null) {
      return "(none)";
    }
    return value.length() <= LONGEST_SHOWN ? value : value.substring(0, LONGEST_SHOWN) + " …";
  }

  /** A line for each method with the share of rows, for each length, that are true. */
  private void printShares(String title, Dataset<Row> judged, Column isTrue) {
    List<Row> rows =
        judged
            .groupBy("method", "length")
            .agg(avg(isTrue.cast("double")).as("share"), count(lit(1)).as("questions"))
            .orderBy("method", "length")
            .collectAsList();
    TreeSet<Long> lengths = new TreeSet<>();
    Map<String, Map<Long, String>> cells = new LinkedHashMap<>();
    for (Row row : rows) {
      long length = row.getAs("length");
      lengths.add(length);
      cells
          .computeIfAbsent(row.getAs("method"), method -> new LinkedHashMap<>())
          .put(
              length,
              "%.0f%% of %d"
                  .formatted(100 * row.<Double>getAs("share"), row.<Long>getAs("questions")));
    }
    context.out().printf("%n%s:%n", title);
    List<String> head = new ArrayList<>(List.of("method"));
    lengths.forEach(length -> head.add(length.toString()));
    context.out().println(line(head));
    cells.forEach(
        (method, byLength) -> {
          List<String> cellsOfMethod = new ArrayList<>(List.of(method));
          lengths.forEach(length -> cellsOfMethod.add(byLength.getOrDefault(length, "-")));
          context.out().println(line(cellsOfMethod));
        });
  }

  private static String line(List<String> cells) {
    StringBuilder line = new StringBuilder("  %-14s".formatted(cells.get(0)));
    cells.subList(1, cells.size()).forEach(cell -> line.append("%12s".formatted(cell)));
    return line.toString();
  }
}
