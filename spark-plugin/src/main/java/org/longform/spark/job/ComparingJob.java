package org.longform.spark.job;

import static org.apache.spark.sql.functions.col;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.spark.compare.Cell;
import org.longform.spark.compare.Contender;
import org.longform.spark.compare.Measure;
import org.longform.spark.job.input.AskedDocuments;
import org.longform.spark.sink.KeyedTable;
import scala.Tuple2;

/**
 * Brings a table of comparisons up to date: each document is read in each way that has no row yet.
 * Rows are committed batch by batch, short documents first, so that a job that is killed goes on
 * from its last commit.
 */
final class ComparingJob {
  private static final long POLL_MILLIS = 200;
  private static final int MOST_CELLS = 64;

  // what is lost at most when the job is killed, about ten minutes of a small model
  private static final long MOST_CHARACTERS = 4_000_000;

  /** Shortest length that documents are put together under. */
  private static final long SHORTEST = 64;

  private static final int HASH = AskedDocuments.DOCUMENT.fieldIndex("document_hash");
  private static final int DOC_ID = AskedDocuments.DOCUMENT.fieldIndex("doc_id");
  private static final int TEXT = AskedDocuments.DOCUMENT.fieldIndex("text");
  private static final int LENGTH = AskedDocuments.DOCUMENT.fieldIndex("length_tokens");
  private static final int QUESTIONS = AskedDocuments.DOCUMENT.fieldIndex("questions");

  private final SparkSession spark;
  private final ReaderSource readers;
  private final ProgressLine progress;
  private final ReadProgress counts = new ReadProgress();
  private final String runId = UUID.randomUUID().toString();

  private long charactersDone;
  private long tokensDone;

  /**
   * All cells of the request.
   *
   * @param cells those that were there before included
   * @param read how many were read now
   */
  record Outcome(List<Cell> cells, int read) {}

  /** What is known of a document without its text. */
  private record Known(String hash, String docId, long characters, long length, int questions)
      implements java.io.Serializable {}

  ComparingJob(SparkSession spark, ReaderSource readers, ProgressLine progress) {
    this.spark = spark;
    this.readers = readers;
    this.progress = progress;
  }

  /**
   * @param asked rows of {@link AskedDocuments#DOCUMENT}
   * @throws LongformException where the table cannot be written, or the job was interrupted
   */
  Outcome run(ComparisonRequest request, Dataset<Row> asked, KeyedTable table) {
    Dataset<Row> documents = asked.persist(StorageLevel.MEMORY_AND_DISK());
    spark.sparkContext().addSparkListener(counts);
    try {
      List<Known> known = known(documents, request);
      Map<String, Contender> byConfig = byConfig(request.contenders());
      Map<Cell.Key, Cell> existing = existing(table, known, byConfig);
      List<PendingCell> pending = pending(request, known, byConfig, existing);
      WorkIndex.Amount total =
          new WorkIndex.Amount(
              pending.size(),
              pending.size(),
              pending.stream().mapToLong(PendingCell::characters).sum());
      CellReading reading =
          new CellReading(
              readers,
              runId,
              spark.sparkContext().longAccumulator(ReadProgress.TOKENS),
              spark.sparkContext().longAccumulator(ReadProgress.DOCUMENTS));
      progress.start();
      ComparisonForecast forecast =
          new ComparisonForecast(
              existing.values().stream().map(ComparisonForecast.Took::of).toList(),
              System::nanoTime);
      int begun = 0;
      for (List<PendingCell> batch : batches(pending)) {
        begun += batch.size();
        forecast.begin(batch, pending.subList(begun, pending.size()));
        List<Row> rows = read(batch, documents, reading, total, forecast);
        forecast.end(rows.stream().map(ComparisonForecast.Took::of).toList());
        table.commit(rows, runId);
      }
      return new Outcome(List.copyOf(existing(table, known, byConfig).values()), pending.size());
    } finally {
      spark.sparkContext().removeSparkListener(counts);
      progress.end();
      documents.unpersist();
    }
  }

  /** Each document once, the shortest first. */
  private List<Known> known(Dataset<Row> documents, ComparisonRequest request) {
    Map<String, String> options = request.modelOptions();
    ReaderSource source = readers;
    Map<String, Known> byHash = new LinkedHashMap<>();
    documents
        .javaRDD()
        .map(row -> known(row, source, options))
        .collect()
        .forEach(each -> byHash.putIfAbsent(each.hash(), each));
    return byHash.values().stream()
        .sorted(Comparator.comparingLong(Known::length).thenComparing(Known::hash))
        .toList();
  }

  private static Known known(Row row, ReaderSource readers, Map<String, String> options) {
    String text = row.isNullAt(TEXT) ? "" : row.getString(TEXT);
    long length =
        row.isNullAt(LENGTH)
            ? roundedUp(text.isBlank() ? 0 : readers.reader(options).countTokens(text))
            : row.getLong(LENGTH);
    return new Known(
        row.getString(HASH),
        row.getString(DOC_ID),
        text.length(),
        length,
        row.getList(QUESTIONS).size());
  }

  /** Documents of any length count for the next power of two, so that some count for the same. */
  private static long roundedUp(long tokens) {
    return tokens <= SHORTEST ? SHORTEST : Long.highestOneBit(tokens - 1) << 1;
  }

  private Map<String, Contender> byConfig(List<Contender> contenders) {
    Map<String, Contender> byConfig = new LinkedHashMap<>();
    contenders.forEach(
        contender ->
            byConfig.put(ReadingJob.sha256(readers.describe(contender.options())), contender));
    return byConfig;
  }

  private static Map<Cell.Key, Cell> existing(
      KeyedTable table, List<Known> known, Map<String, Contender> byConfig) {
    Map<String, Known> byHash = new HashMap<>();
    known.forEach(each -> byHash.put(each.hash(), each));
    Map<Cell.Key, Cell> cells = new LinkedHashMap<>();
    table
        .rows()
        .filter(col("config_hash").isin(byConfig.keySet().toArray()))
        .collectAsList()
        .stream()
        .map(Cell::of)
        .filter(cell -> byHash.containsKey(cell.key().documentHash()))
        .sorted(Comparator.comparingLong(Cell::length).thenComparing(Cell::docId))
        // an earlier run may have called the same thing otherwise
        .map(cell -> cell.withStrategy(byConfig.get(cell.key().configHash()).label()))
        .forEach(cell -> cells.put(cell.key(), cell));
    return cells;
  }

  private static List<PendingCell> pending(
      ComparisonRequest request,
      List<Known> known,
      Map<String, Contender> byConfig,
      Map<Cell.Key, Cell> existing) {
    List<PendingCell> pending = new ArrayList<>();
    for (Known document : known) {
      for (Measure measure : Measure.values()) {
        boolean nothingToAsk = measure == Measure.ANSWERS && document.questions() == 0;
        if (!request.measures().contains(measure) || nothingToAsk) {
          continue;
        }
        byConfig.forEach(
            (config, contender) -> {
              if (!contender.has(measure)) {
                return;
              }
              Cell.Key key = new Cell.Key(document.hash(), config, measure);
              int attempts = attempts(existing.get(key), request.failedCells());
              if (attempts >= 0) {
                pending.add(
                    new PendingCell(
                        key,
                        contender,
                        document.docId(),
                        document.length(),
                        document.characters(),
                        attempts + 1));
              }
            });
      }
    }
    return pending;
  }

  /** How often a cell was tried; negative if it is not to be tried again. */
  private static int attempts(Cell found, JobRequest.FailedRows failedCells) {
    if (found == null) {
      return 0;
    }
    boolean again = found.error() != null && failedCells == JobRequest.FailedRows.RETRY;
    return again ? found.origin().attempt() : -1;
  }

  private static List<List<PendingCell>> batches(List<PendingCell> pending) {
    List<List<PendingCell>> batches = new ArrayList<>();
    List<PendingCell> batch = new ArrayList<>();
    long characters = 0;
    for (PendingCell cell : pending) {
      boolean full = batch.size() == MOST_CELLS || characters + cell.characters() > MOST_CHARACTERS;
      if (full && !batch.isEmpty()) {
        batches.add(batch);
        batch = new ArrayList<>();
        characters = 0;
      }
      batch.add(cell);
      characters += cell.characters();
    }
    if (!batch.isEmpty()) {
      batches.add(batch);
    }
    return batches;
  }

  /** Reads a batch in the executors, each cell in a task of its own. */
  private List<Row> read(
      List<PendingCell> batch,
      Dataset<Row> documents,
      CellReading reading,
      WorkIndex.Amount total,
      ComparisonForecast forecast) {
    HashMap<String, ArrayList<Integer>> places = new HashMap<>();
    for (int i = 0; i < batch.size(); i++) {
      places.computeIfAbsent(batch.get(i).key().documentHash(), hash -> new ArrayList<>()).add(i);
    }
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Broadcast<HashMap<String, ArrayList<Integer>>> wanted = context.broadcast(places);
    Broadcast<ArrayList<PendingCell>> cells = context.broadcast(new ArrayList<>(batch));
    JavaFutureAction<List<Row>> running =
        documents
            .javaRDD()
            .flatMapToPair(row -> placed(row, wanted.value()).iterator())
            // the hash of a number is the number: a partition for each
            .partitionBy(new HashPartitioner(batch.size()))
            .mapPartitions(
                rows -> {
                  List<Row> read = new ArrayList<>();
                  if (rows.hasNext()) { // a second one is the same document once more
                    Tuple2<Integer, Row> next = rows.next();
                    read.add(reading.read(cells.value().get(next._1()), next._2()));
                  }
                  return read.iterator();
                })
            .collectAsync();
    try {
      List<Row> rows = await(running, total, forecast);
      charactersDone += batch.stream().mapToLong(PendingCell::characters).sum();
      tokensDone = counts.tokens();
      return rows;
    } finally {
      wanted.destroy();
      cells.destroy();
    }
  }

  /** The document for each place where it is read. */
  private static List<Tuple2<Integer, Row>> placed(
      Row document, Map<String, ArrayList<Integer>> places) {
    List<Tuple2<Integer, Row>> placed = new ArrayList<>();
    for (int place : places.getOrDefault(document.getString(HASH), new ArrayList<>())) {
      placed.add(new Tuple2<>(place, document));
    }
    return placed;
  }

  private List<Row> await(
      JavaFutureAction<List<Row>> running, WorkIndex.Amount total, ComparisonForecast forecast) {
    while (true) {
      try {
        return running.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        progress.show(
            new ProgressLine.State(
                total,
                counts.documents(),
                charactersDone,
                tokensDone,
                counts.tokens(),
                forecast.left()));
      } catch (InterruptedException e) {
        running.cancel(true);
        Thread.currentThread().interrupt();
        throw new LongformException(
            ErrorClass.CANCELLED,
            "Cannot go on: the job was interrupted. Run it again; finished readings are kept.",
            e);
      } catch (ExecutionException e) {
        throw e.getCause() instanceof RuntimeException failure
            ? failure
            : new IllegalStateException(e.getCause());
      }
    }
  }
}
