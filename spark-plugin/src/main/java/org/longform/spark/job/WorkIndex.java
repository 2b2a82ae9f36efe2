package org.longform.spark.job;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.array_distinct;
import static org.apache.spark.sql.functions.array_except;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.posexplode;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.sort_array;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.storage.StorageLevel;
import org.longform.prompt.Task;
import org.longform.spark.job.input.Corpus;

/**
 * What is still to be read: the documents of the input without the rows of the table, as small rows
 * without texts. Equal texts and equal questions are one.
 *
 * <p>What changed is found by content, also where the source has a change data feed: to hash a text
 * takes a small share of the time to read it, and the table of answers alone decides. A version of
 * the source kept beside it could say of a row that it is there when it failed, was deleted, or was
 * asked something else.
 */
final class WorkIndex implements AutoCloseable {
  private static final String[] KEY = {"content_hash", "question"};

  private static final DataType TEXTS = DataTypes.createArrayType(DataTypes.StringType);

  private final Dataset<Row> pending;

  /**
   * How much there is to do.
   *
   * @param characters of all documents together
   */
  record Amount(long documents, long rows, long characters) {}

  private WorkIndex(Dataset<Row> pending) {
    this.pending = pending;
  }

  /**
   * @param existing rows of the table that have the configuration and the task
   */
  static WorkIndex of(JobRequest request, Corpus corpus, Dataset<Row> existing) {
    Dataset<Row> open = asked(request, corpus).withColumn("attempt", lit(1));
    open =
        request.failedRows() == JobRequest.FailedRows.KEEP
            ? open.join(existing.select(KEY[0], KEY[1]), KEY, "left_anti")
            : openForRetry(open, existing);
    Dataset<Row> byDocument =
        open.groupBy(KEY[0])
            .agg(
                min(col("source")).as("source"),
                max("characters").as("characters"),
                sort_array(collect_list(struct("position", KEY[1], "attempt"))).as("questions"))
            .select(
                col(KEY[0]),
                col("source.doc_id").as("doc_id"),
                col("source.source_path").as("source_path"),
                col("characters"),
                col("questions"))
            .orderBy("source_path", "doc_id", KEY[0]);
    return new WorkIndex(byDocument.persist(StorageLevel.DISK_ONLY()));
  }

  private static Dataset<Row> openForRetry(Dataset<Row> asked, Dataset<Row> existing) {
    Dataset<Row> failed =
        existing
            .filter("error IS NOT NULL")
            .select(col(KEY[0]), col(KEY[1]), col("attempt").plus(1).as("next_attempt"));
    return asked
        .join(existing.filter("error IS NULL").select(KEY[0], KEY[1]), KEY, "left_anti")
        .join(failed, KEY, "left_outer")
        .withColumn("attempt", coalesce(col("next_attempt"), col("attempt")))
        .drop("next_attempt");
  }

  private static Dataset<Row> asked(JobRequest request, Corpus corpus) {
    Dataset<Row> documents =
        corpus
            .documents()
            .select(
                col("content_hash"),
                struct(col("source_path"), col("doc_id")).as("source"),
                coalesce(length(col("text")), lit(0)).cast(DataTypes.LongType).as("characters"),
                questions(request).as("questions"));
    if (request.limit() < Integer.MAX_VALUE) {
      documents = documents.orderBy("source", "content_hash").limit((int) request.limit());
    }
    return documents
        .select(
            col("content_hash"),
            col("source"),
            col("characters"),
            posexplode(col("questions")).as(new String[] {"position", "question"}))
        .groupBy(KEY[0], KEY[1])
        .agg(
            min("source").as("source"),
            min("position").as("position"),
            max("characters").as("characters"));
  }

  /** All questions of a document; one empty text where the task or the document has none. */
  private static Column questions(JobRequest request) {
    Column none = array(lit(""));
    if (!request.task().asks()) {
      return none;
    }
    Column asked = array(request.questions().stream().map(q -> lit(q)).toArray(Column[]::new));
    if (request.task() != Task.ASK) {
      // what documents carry are questions, not labels or conditions
      return asked;
    }
    Column carried = coalesce(col("questions"), array().cast(TEXTS));
    Column all = array_except(array_distinct(concat(asked.cast(TEXTS), carried)), array(lit(null)));
    return when(size(all).gt(0), all).otherwise(none);
  }

  Amount amount() {
    Row row =
        pending
            .agg(count(lit(1)), sum(size(col("questions"))), coalesce(sum("characters"), lit(0L)))
            .head();
    return new Amount(row.getLong(0), row.isNullAt(1) ? 0 : row.getLong(1), row.getLong(2));
  }

  /** The documents in batches, in an order that is the same in every run. */
  Iterator<List<PendingDocument>> batches(int documents) {
    Iterator<Row> rows = pending.toLocalIterator();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return rows.hasNext();
      }

      @Override
      public List<PendingDocument> next() {
        List<PendingDocument> batch = new ArrayList<>();
        while (rows.hasNext() && batch.size() < documents) {
          batch.add(document(rows.next()));
        }
        return batch;
      }
    };
  }

  private static PendingDocument document(Row row) {
    List<PendingDocument.PendingQuestion> questions = new ArrayList<>();
    for (Row each : row.<Row>getList(4)) {
      questions.add(new PendingDocument.PendingQuestion(each.getString(1), each.getInt(2)));
    }
    return new PendingDocument(
        row.getString(0), row.getString(1), row.getString(2), row.getLong(3), questions);
  }

  @Override
  public void close() {
    pending.unpersist();
  }
}
