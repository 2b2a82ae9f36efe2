package org.longform.spark.sink;

import java.util.Collection;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.kernels.error.LongformException;

/** A Delta table with the columns of {@link AnswerColumns#TABLE}, each key in it once. */
public final class AnswerTable {
  private static final KeyedTable.Layout LAYOUT =
      new KeyedTable.Layout(
          "answers",
          "Answers of Longform: one row for each document, configuration, task and question.",
          AnswerColumns.TABLE,
          List.of("content_hash", "config_hash", "task", "question"),
          "longform.answers.version",
          "1");

  private final KeyedTable table;

  private AnswerTable(KeyedTable table) {
    this.table = table;
  }

  /**
   * The table at a path; it is created where there is none.
   *
   * @param path any path that Hadoop's file systems know
   * @throws LongformException INVALID_INPUT if something else is there
   */
  public static AnswerTable open(SparkSession spark, String path) {
    return new AnswerTable(KeyedTable.open(spark, path, LAYOUT));
  }

  /**
   * The rows of a table at a path, none where there is no table; nothing is created.
   *
   * @throws LongformException INVALID_INPUT if something else is there
   */
  public static Dataset<Row> rowsAt(SparkSession spark, String path) {
    return KeyedTable.rowsAt(spark, path, LAYOUT);
  }

  /** The full path, with the scheme of its file system. */
  public String path() {
    return table.path();
  }

  /** All rows as of now. */
  public Dataset<Row> rows() {
    return table.rows();
  }

  /**
   * As {@link KeyedTable#commit}.
   *
   * @param rows as {@link AnswerRow#toRow} makes them
   */
  public void commit(Collection<Row> rows, String runId) {
    table.commit(rows, runId);
  }
}
