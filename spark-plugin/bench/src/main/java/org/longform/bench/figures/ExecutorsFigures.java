package org.longform.bench.figures;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.bench.Settings;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.datasets.tasks.CorpusGenerator;
import org.longform.datasets.tasks.CorpusRequest;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.spark.LongformPlugin;

/**
 * A corpus read by two executors and by one, each a process of one core, started by a standalone
 * master and its workers.
 */
final class ExecutorsFigures implements Measurement {
  private static final int DOCUMENTS = 32;
  // longest first, so that no long one is left to the end
  private static final List<Long> LENGTHS = List.of(24000L, 12000L, 6000L, 3000L);
  private static final List<Long> QUICK_LENGTHS = List.of(2000L, 1000L, 500L, 250L);
  private static final int MOST_TURNS = 3;

  private static final StructType COLUMNS =
      new StructType()
          .add("id", DataTypes.IntegerType)
          .add("text", DataTypes.StringType)
          .add("question", DataTypes.StringType);

  @Override
  public String name() {
    return "executors";
  }

  @Override
  public String description() {
    return "a corpus of %d documents read by two executors and by one, one thread each, the bundled model"
        .formatted(DOCUMENTS);
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    List<Long> lengths = settings.quick() ? QUICK_LENGTHS : LENGTHS;
    // a compiler still at work takes a core from the second executor; it is at work for a minute or
    // so
    List<Row> warm = corpus("warm", lengths, DOCUMENTS / lengths.size());
    List<Row> corpus = corpus("executors", lengths, DOCUMENTS / lengths.size());
    int turns = settings.quick() ? 1 : Math.min(MOST_TURNS, settings.repetitions());
    double[] alone = new double[turns];
    double[] both = new double[turns];
    long tokens = 0;
    for (int turn = 0; turn < turns; turn++) {
      run.progress("one executor, turn " + (turn + 1));
      Answered one = read(1, settings, warm, corpus);
      run.progress("two executors, turn " + (turn + 1));
      Answered two = read(2, settings, warm, corpus);
      requireSame(one, two);
      alone[turn] = one.tokensPerSecond();
      both[turn] = two.tokensPerSecond();
      tokens = one.tokens();
    }
    report.add(
        Figure.valued(
            "%d documents, two executors of one thread; one executor %.0f tokens/s"
                .formatted(DOCUMENTS, Samples.median(alone)),
            "tokens/s",
            Samples.median(both),
            Samples.median(both) / Samples.median(alone),
            Target.ratio(1.9, Double.NaN),
            "%,d tokens, the same answers; as many were read before; medians of %d, in turns"
                .formatted(tokens, turns)));
  }

  /**
   * @param answers by document
   * @param tokens of documents and questions
   */
  private record Answered(List<String> answers, long tokens, double seconds) {
    double tokensPerSecond() {
      return tokens / seconds;
    }
  }

  /** Reads the corpus in an application of its own, with models loaded by other documents. */
  private static Answered read(int executors, Settings settings, List<Row> warm, List<Row> corpus) {
    SparkSession spark = application(executors, settings);
    try {
      // every executor gets some of these
      read(spark, warm);
      return read(spark, corpus);
    } finally {
      spark.stop();
      SparkSession.clearActiveSession();
      SparkSession.clearDefaultSession();
    }
  }

  private static SparkSession application(int executors, Settings settings) {
    return SparkSession.builder()
        .master("local-cluster[%d,1,1024]".formatted(executors))
        .appName("longform-bench")
        .config("spark.plugins", LongformPlugin.class.getName())
        .config("spark.longform.device", settings.device().name())
        .config("spark.longform.threads", "1")
        .config("spark.executor.cores", "1")
        .config("spark.cores.max", Integer.toString(executors))
        .config("spark.executor.memory", "1g")
        .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
        // a collector with threads would use the core that is to stay free
        .config("spark.executor.extraJavaOptions", "-XX:+UseSerialGC")
        .config("spark.executorEnv.RUST_FLAVOR", "cpu")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.locality.wait", "0s")
        .config("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .config("spark.scheduler.maxRegisteredResourcesWaitingTime", "120s")
        .getOrCreate();
  }

  private static Answered read(SparkSession spark, List<Row> documents) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    // a task for each document: whoever is free takes the next
    spark
        .createDataFrame(context.parallelize(documents, documents.size()), COLUMNS)
        .createOrReplaceTempView("corpus");
    long began = System.nanoTime();
    List<Row> rows =
        new ArrayList<>(
            spark
                .sql(
                    "SELECT id, d.value, d.input_tokens, d.error.message"
                        + " FROM (SELECT id, ai_ask_detail(text, question) AS d FROM corpus)")
                .collectAsList());
    double seconds = (System.nanoTime() - began) / 1e9;
    rows.sort((one, other) -> Integer.compare(one.getInt(0), other.getInt(0)));
    for (Row row : rows) {
      if (!row.isNullAt(3)) {
        throw new LongformException(
            ErrorClass.INTERNAL,
            "Cannot compare: document %d was not answered: %s"
                .formatted(row.getInt(0), row.getString(3)));
      }
    }
    return new Answered(
        rows.stream().map(row -> row.getString(1)).toList(),
        rows.stream().mapToLong(row -> row.getLong(2)).sum(),
        seconds);
  }

  private static List<Row> corpus(String seed, List<Long> lengths, int each) {
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    try {
      CorpusGenerator.write(CorpusRequest.of(seed, lengths, each), lines);
    } catch (IOException e) {
      throw new UncheckedIOException("memory takes every byte", e);
    }
    ObjectMapper json = new ObjectMapper();
    List<Row> rows = new ArrayList<>();
    for (String line : lines.toString(StandardCharsets.UTF_8).strip().split("\n")) {
      try {
        JsonNode article = json.readTree(line);
        rows.add(
            RowFactory.create(
                rows.size(),
                article.path("text").asText(),
                article.path("questions").path(0).path("question").asText()));
      } catch (JsonProcessingException e) {
        throw new IllegalStateException("the generator writes JSON", e);
      }
    }
    return rows;
  }

  private static void requireSame(Answered one, Answered two) {
    if (!one.answers().equals(two.answers())) {
      throw new LongformException(
          ErrorClass.INTERNAL, "Cannot compare: two executors answer otherwise than one.");
    }
  }
}
