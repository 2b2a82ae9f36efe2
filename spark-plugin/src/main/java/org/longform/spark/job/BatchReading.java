package org.longform.spark.job;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import org.apache.spark.FutureAction;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.spark.job.DocumentAnswers.Arrived;
import org.longform.spark.job.input.Corpus;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.collection.immutable.Range$;
import scala.runtime.AbstractFunction0;
import scala.runtime.AbstractFunction1;
import scala.runtime.AbstractFunction2;
import scala.runtime.BoxedUnit;

/**
 * Reads one batch in the executors. Each task sends its rows to the driver when it ends, so a
 * document is read once whatever is done with the rows: there is no plan that could be evaluated
 * again, and rows can be written while other tasks still read.
 */
final class BatchReading {
  private static final int SOURCE_PATH = Corpus.DOCUMENT.fieldIndex("source_path");
  private static final int TEXT = Corpus.DOCUMENT.fieldIndex("text");
  private static final int ERROR_CLASS = Corpus.DOCUMENT.fieldIndex("error_class");
  private static final int ERROR_MESSAGE = Corpus.DOCUMENT.fieldIndex("error_message");
  private static final int CONTENT_HASH = Corpus.DOCUMENT.fieldIndex("content_hash");

  // Lengths only estimate the work: with more tasks than slots the late ones even it out.
  private static final int TASKS_PER_SLOT = 4;

  private final JavaSparkContext context;
  private final Corpus corpus;
  private final DocumentAnswers answers;

  /**
   * What a task sends.
   *
   * @param postponed documents, by hash, that were begun in an earlier attempt of the task and have
   *     not ended: if they are why it failed, they would take the others with them again
   */
  record TaskRows(List<Row> rows, List<String> postponed) implements Serializable {}

  private record Placed(Placement placement, PendingDocument pending) implements Serializable {}

  BatchReading(SparkSession spark, Corpus corpus, DocumentAnswers answers) {
    this.context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    this.corpus = corpus;
    this.answers = answers;
  }

  /** How a batch is shared out. */
  static List<List<PendingDocument>> tasks(List<PendingDocument> batch, int parallelism) {
    return Packing.pack(batch, TASKS_PER_SLOT * parallelism);
  }

  /**
   * Starts to read and returns at once.
   *
   * @param finished takes the rows of each task as it ends
   */
  FutureAction<BoxedUnit> start(List<PendingDocument> batch, BlockingQueue<TaskRows> finished) {
    List<List<PendingDocument>> tasks = tasks(batch, context.defaultParallelism());
    JavaPairRDD<Placement, Arrived> placed =
        texts(tasks).repartitionAndSortWithinPartitions(new Placement.Tasks(tasks.size()));
    return context
        .sc()
        .submitJob(
            placed.rdd(),
            new ReadTask(answers),
            Range$.MODULE$.apply(0, tasks.size()),
            new AbstractFunction2<Object, TaskRows, BoxedUnit>() {
              @Override
              public BoxedUnit apply(Object task, TaskRows rows) {
                finished.add(rows);
                return BoxedUnit.UNIT;
              }
            },
            new AbstractFunction0<BoxedUnit>() {
              @Override
              public BoxedUnit apply() {
                return BoxedUnit.UNIT;
              }
            });
  }

  /** The texts of the batch, each with the place where it is to be read. */
  private JavaPairRDD<Placement, Arrived> texts(List<List<PendingDocument>> tasks) {
    HashMap<String, Placed> places = new HashMap<>();
    Set<String> files = new HashSet<>();
    for (int task = 0; task < tasks.size(); task++) {
      for (int turn = 0; turn < tasks.get(task).size(); turn++) {
        PendingDocument document = tasks.get(task).get(turn);
        places.put(document.contentHash(), new Placed(new Placement(task, turn), document));
        files.add(document.sourcePath());
      }
    }
    Broadcast<HashMap<String, Placed>> wanted = context.broadcast(places);
    return corpus
        .documentsOf(files)
        .javaRDD()
        .flatMapToPair(row -> arrived(row, wanted.value()).iterator());
  }

  private static List<Tuple2<Placement, Arrived>> arrived(Row row, Map<String, Placed> wanted) {
    Placed placed = wanted.get(row.getString(CONTENT_HASH));
    // the same text may also be in other files of the batch
    if (placed == null || !placed.pending().sourcePath().equals(row.getString(SOURCE_PATH))) {
      return List.of();
    }
    return List.of(
        new Tuple2<>(
            placed.placement(),
            new Arrived(
                placed.pending(),
                row.getString(TEXT),
                row.getString(ERROR_CLASS),
                row.getString(ERROR_MESSAGE))));
  }

  /** Reads the documents of one partition, one after the other. */
  private static final class ReadTask
      extends AbstractFunction1<Iterator<Tuple2<Placement, Arrived>>, TaskRows>
      implements Serializable {
    private static final long serialVersionUID = 1L;
    private final DocumentAnswers answers;

    ReadTask(DocumentAnswers answers) {
      this.answers = answers;
    }

    @Override
    public TaskRows apply(Iterator<Tuple2<Placement, Arrived>> documents) {
      Map<String, Integer> begun = begun();
      List<Row> rows = new ArrayList<>();
      List<String> postponed = new ArrayList<>();
      Placement last = null;
      while (documents.hasNext()) {
        Tuple2<Placement, Arrived> next = documents.next();
        PendingDocument document = next._2().pending();
        if (next._1().equals(last)) { // the same text twice in one file
          continue;
        }
        last = next._1();
        if (begun.getOrDefault(document.contentHash(), 0) > document.crashes()) {
          postponed.add(document.contentHash());
        } else {
          rows.addAll(answers.read(next._2()));
        }
      }
      return new TaskRows(rows, postponed);
    }

    private Map<String, Integer> begun() {
      try {
        return answers.work().attempts().all();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
