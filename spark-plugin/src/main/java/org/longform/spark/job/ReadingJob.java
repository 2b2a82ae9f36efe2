package org.longform.spark.job;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.spark.FutureAction;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.spark.job.BatchReading.TaskRows;
import org.longform.spark.job.input.Corpora;
import org.longform.spark.job.input.Corpus;
import org.longform.spark.job.recovery.WorkDirectory;
import org.longform.spark.sink.AnswerColumns;
import org.longform.spark.sink.AnswerTable;
import scala.runtime.BoxedUnit;
import scala.util.Try;

/**
 * Brings a table of answers up to date with its input: reads what has no row yet, batch by batch,
 * and commits each batch. A job that is killed at any time and started again goes on from its last
 * commit.
 */
final class ReadingJob {
  private static final long POLL_MILLIS = 200;

  // rounds of a batch that may end with their executors before any document was begun
  private static final int PATIENCE = 3;

  private final SparkSession spark;
  private final ReaderSource readers;
  private final ProgressLine progress;
  private final ReadProgress counts = new ReadProgress();
  private final String runId = UUID.randomUUID().toString();
  private final Reasons reasons = new Reasons();

  private long rowsWithValue;
  private long rowsWithError;
  private long documentsLost;
  private long charactersDone;
  private long tokensDone;

  ReadingJob(SparkSession spark, ReaderSource readers, ProgressLine progress) {
    this.spark = spark;
    this.readers = readers;
    this.progress = progress;
  }

  /**
   * Runs to the end, or to the first failed row where the request says so.
   *
   * @throws LongformException for a request that cannot be carried out, and for the first failed
   *     row with {@link JobRequest.OnError#FAIL_JOB}
   */
  JobSummary run(JobRequest request) {
    readers.validate(request.options());
    Corpus corpus = Corpora.open(spark, request.input());
    AnswerTable table = AnswerTable.open(spark, request.output());
    String configHash = sha256(readers.describe(request.options()));
    SparkContext context = spark.sparkContext();
    WorkDirectory work =
        WorkDirectory.open(
            context.hadoopConfiguration(),
            request.recovery().directory(),
            table.path(),
            "%s-%.16s-%.16s".formatted(request.task().word(), configHash, sha256(table.path())));
    DocumentAnswers answers =
        new DocumentAnswers(
            readers,
            request.task(),
            request.options(),
            configHash,
            runId,
            readers.modelRevision(request.options()),
            work,
            new DocumentAnswers.Counters(
                context.longAccumulator(ReadProgress.TOKENS),
                context.longAccumulator(ReadProgress.DOCUMENTS)));
    Dataset<Row> existing =
        table
            .rows()
            .filter(
                col("config_hash")
                    .equalTo(configHash)
                    .and(col("task").equalTo(request.task().word())));
    Row before = existing.agg(count(lit(1)), count(col("error"))).head();
    long rowsBefore = before.getLong(0);
    long failedBefore = request.failedRows() == JobRequest.FailedRows.KEEP ? before.getLong(1) : 0;
    context.addSparkListener(counts);
    try (WorkIndex index = WorkIndex.of(request, corpus, existing)) {
      WorkIndex.Amount total = index.amount();
      Iterator<List<PendingDocument>> batches = index.batches(request.batching().documents());
      progress.start(); // planning is no reading
      while (batches.hasNext()) {
        Batch batch = new Batch(request, table, total, answers, batches.next());
        batch.read(new BatchReading(spark, corpus, answers));
      }
      work.delete();
    } finally {
      context.removeSparkListener(counts);
      progress.end();
    }
    return new JobSummary(
        table.path(),
        runId,
        configHash,
        rowsBefore,
        failedBefore,
        rowsWithValue,
        rowsWithError,
        reasons,
        documentsLost,
        counts.tokens(),
        progress.elapsed());
  }

  /**
   * One batch: rows arrive task by task and are committed at the end, or when it is time. Documents
   * whose executor ended are read again, in {@link Rounds}.
   */
  private final class Batch {
    private final JobRequest request;
    private final AnswerTable table;
    private final WorkIndex.Amount total;
    private final DocumentAnswers answers;
    private final Map<String, PendingDocument> missing;
    private final Set<String> postponed = new HashSet<>();
    private final BlockingQueue<TaskRows> finished = new LinkedBlockingQueue<>();
    private final List<Row> uncommitted = new ArrayList<>();
    private long lastCommit = System.nanoTime();
    private int roundsWithoutResult;

    Batch(
        JobRequest request,
        AnswerTable table,
        WorkIndex.Amount total,
        DocumentAnswers answers,
        List<PendingDocument> documents) {
      this.request = request;
      this.table = table;
      this.total = total;
      this.answers = answers;
      this.missing = new LinkedHashMap<>();
      documents.forEach(document -> missing.put(document.contentHash(), document));
    }

    void read(BatchReading reading) {
      try {
        learnOfCrashes();
        while (!missing.isEmpty()) {
          readRound(reading, Rounds.next(missing.values(), request.recovery().maxAttempts()));
        }
        commit();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        LongformException interrupted =
            new LongformException(
                ErrorClass.CANCELLED,
                "Cannot go on: the job was interrupted. Run it again; finished rows are kept.",
                e);
        commitAfter(interrupted);
        throw interrupted;
      } catch (RuntimeException e) {
        commitAfter(e);
        throw e;
      }
    }

    private void readRound(BatchReading reading, List<PendingDocument> documents)
        throws InterruptedException {
      int missingBefore = missing.size();
      int endedBefore = counts.executorsEnded();
      Try<BoxedUnit> result;
      FutureAction<BoxedUnit> running = reading.start(documents, finished);
      try {
        result = await(running);
      } catch (Throwable e) {
        running.cancel();
        throw e;
      }
      boolean crashed = learnOfCrashes();
      if (result.isFailure()) {
        boolean goOn =
            (crashed || missing.size() < missingBefore || roundsWithoutResult++ < PATIENCE)
                && Failures.areOfExecutors(
                    result.failed().get(), () -> counts.executorsEnded() > endedBefore);
        if (!goOn) {
          commit();
          result.get(); // throws what the job failed with
        }
        return;
      }
      for (PendingDocument document : documents) {
        String hash = document.contentHash();
        PendingDocument now = missing.get(hash);
        if (now != null && now.crashes() == document.crashes() && !postponed.contains(hash)) {
          missing.remove(hash);
          documentsLost++;
        }
      }
    }

    private Try<BoxedUnit> await(FutureAction<BoxedUnit> running) throws InterruptedException {
      postponed.clear();
      while (!running.isCompleted()) {
        take(POLL_MILLIS);
        progress.show(state());
        if (System.nanoTime() - lastCommit > request.batching().time().toNanos()) {
          commit();
        }
      }
      take(0);
      return running.value().get();
    }

    /** Gives up documents without attempts left. */
    private boolean learnOfCrashes() throws InterruptedException {
      Map<String, Integer> ended;
      try {
        ended = answers.work().attempts().ended(spark.sparkContext(), missing.keySet());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      boolean any = false;
      for (PendingDocument document : List.copyOf(missing.values())) {
        int crashes = ended.getOrDefault(document.contentHash(), 0);
        any |= crashes > document.crashes();
        PendingDocument now = document.withCrashes(crashes);
        if (crashes < request.recovery().maxAttempts()) {
          missing.put(document.contentHash(), now);
        } else {
          answers.givenUp(now).forEach(this::add);
        }
      }
      return any;
    }

    /** Keeps what was finished before a failure, which stays the one that is told. */
    private void commitAfter(RuntimeException failure) {
      try {
        commit();
      } catch (RuntimeException e) {
        failure.addSuppressed(e);
      }
    }

    private void take(long millis) throws InterruptedException {
      TaskRows task = finished.poll(millis, TimeUnit.MILLISECONDS);
      for (; task != null; task = finished.poll()) {
        task.rows().forEach(this::add);
        postponed.addAll(task.postponed());
      }
    }

    private void add(Row row) {
      uncommitted.add(row);
      PendingDocument document = missing.remove(row.getString(AnswerColumns.CONTENT_HASH));
      if (document != null) {
        charactersDone += document.characters();
        tokensDone += row.getLong(AnswerColumns.INPUT_TOKENS);
      }
      if (row.isNullAt(AnswerColumns.ERROR_STRUCT)) {
        rowsWithValue++;
        return;
      }
      rowsWithError++;
      Row error = row.getStruct(AnswerColumns.ERROR_STRUCT);
      reasons.add(error.getString(1));
      if (request.onError() == JobRequest.OnError.FAIL_JOB) {
        throw new LongformException(ErrorClass.valueOf(error.getString(0)), error.getString(1));
      }
    }

    private void commit() {
      lastCommit = System.nanoTime();
      table.commit(uncommitted, runId);
      answers
          .work()
          .forget(
              uncommitted.stream()
                  .map(row -> row.getString(AnswerColumns.CONTENT_HASH))
                  .collect(Collectors.toSet()));
      uncommitted.clear();
    }

    private ProgressLine.State state() {
      return new ProgressLine.State(
          total, counts.documents(), charactersDone, tokensDone, counts.tokens(), Optional.empty());
    }
  }

  static String sha256(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
