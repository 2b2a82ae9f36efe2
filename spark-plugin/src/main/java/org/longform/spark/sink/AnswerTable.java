package org.longform.spark.sink;

import io.delta.tables.DeltaMergeBuilder;
import io.delta.tables.DeltaTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** A Delta table with the columns of {@link AnswerColumns#TABLE}, each key in it once. */
public final class AnswerTable {
  /** Table property that says which version of the columns a table has. */
  public static final String VERSION_PROPERTY = "longform.answers.version";

  private static final String VERSION = "1";
  private static final String COMMENT =
      "Answers of Longform: one row for each document, configuration, task and question.";
  private static final List<String> KEY =
      List.of("content_hash", "config_hash", "task", "question");
  private static final String KEY_MATCHES =
      KEY.stream()
          .map(column -> "t.%1$s = s.%1$s".formatted(column))
          .collect(Collectors.joining(" AND "));

  private static final String USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata";

  // A MERGE takes its identity from these and is skipped silently where they are left over from
  // an earlier write. Ours is idempotent by key and must not have them.
  private static final List<String> TRANSACTION_IDENTITY =
      List.of("spark.databricks.delta.write.txnAppId", "spark.databricks.delta.write.txnVersion");

  private final SparkSession spark;
  private final String path;

  private AnswerTable(SparkSession spark, String path) {
    this.spark = spark;
    this.path = path;
  }

  /**
   * The table at a path; it is created where there is none.
   *
   * @param path any path that Hadoop's file systems know
   * @throws LongformException INVALID_INPUT if something else is there
   */
  public static AnswerTable open(SparkSession spark, String path) {
    String full = qualified(spark, path);
    if (DeltaTable.isDeltaTable(spark, full)) {
      addNewColumns(spark, full);
      check(full, DeltaTable.forPath(spark, full).toDF().schema());
    } else {
      create(spark, full);
    }
    return new AnswerTable(spark, full);
  }

  private static void create(SparkSession spark, String path) {
    try {
      DeltaTable.createIfNotExists(spark)
          .location(path)
          .addColumns(AnswerColumns.TABLE)
          .comment(COMMENT)
          .property(VERSION_PROPERTY, VERSION)
          .execute();
    } catch (Exception e) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write answers to '%s': the table cannot be created (%s). Make the directory writable or choose another --output."
              .formatted(path, reason(e)),
          e);
    }
  }

  /**
   * A table that an earlier version made gets the columns that came since; its rows keep theirs.
   */
  private static void addNewColumns(SparkSession spark, String path) {
    DeltaTable table = DeltaTable.forPath(spark, path);
    StructType found = table.toDF().schema();
    List<String> present = List.of(found.fieldNames());
    boolean ours =
        table.detail().select("properties").head().getJavaMap(0).containsKey(VERSION_PROPERTY);
    if (ours
        && present.containsAll(KEY)
        && !present.containsAll(List.of(AnswerColumns.TABLE.fieldNames()))) {
      Conflicts.retry(
          "add columns to '%s'".formatted(path),
          () ->
              spark
                  .createDataFrame(List.<Row>of(), AnswerColumns.TABLE)
                  .write()
                  .format("delta")
                  .mode("append")
                  .option("mergeSchema", "true")
                  .save(path));
    }
  }

  private static String reason(Throwable failure) {
    Throwable first = failure;
    while (first.getCause() != null) {
      first = first.getCause();
    }
    String message = String.valueOf(first.getMessage()).lines().findFirst().orElse("");
    return "%s: %s".formatted(first.getClass().getSimpleName(), message.replaceAll("\\.$", ""));
  }

  /**
   * The rows of a table at a path, none where there is no table; nothing is created.
   *
   * @throws LongformException INVALID_INPUT if something else is there
   */
  public static Dataset<Row> rowsAt(SparkSession spark, String path) {
    String full = qualified(spark, path);
    if (!DeltaTable.isDeltaTable(spark, full)) {
      return spark.createDataFrame(List.of(), AnswerColumns.TABLE);
    }
    return open(spark, path).rows();
  }

  /** The full path, with the scheme of its file system. */
  public String path() {
    return path;
  }

  /** All rows as of now. */
  public Dataset<Row> rows() {
    return DeltaTable.forPath(spark, path).toDF();
  }

  /**
   * Writes rows in one commit, all or none. Rows whose key has a value in the table are left out,
   * and rows whose key has an error replace it: writing the same rows twice changes nothing.
   *
   * @param rows as {@link AnswerRow#toRow} makes them; of equal keys the last counts
   * @param runId goes into the history of the table
   */
  public void commit(Collection<Row> rows, String runId) {
    Map<AnswerRow.Key, Row> byKey = new LinkedHashMap<>();
    rows.forEach(row -> byKey.put(AnswerRow.Key.of(row), row));
    if (byKey.isEmpty()) {
      return;
    }
    boolean retried =
        byKey.values().stream().anyMatch(row -> row.getInt(AnswerColumns.ATTEMPT) > 1);
    // one file for each commit: a batch is small
    Dataset<Row> source =
        spark.createDataFrame(new ArrayList<>(byKey.values()), AnswerColumns.TABLE).coalesce(1);
    String what = "write %d answers to '%s'".formatted(byKey.size(), path);
    try {
      Conflicts.retry(what, () -> merge(source, retried, runId));
    } catch (LongformException e) {
      throw e;
    } catch (Exception e) { // Scala throws checked exceptions that it does not declare
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot %s: %s. Nothing of them was written. Make the table writable and run the job again; finished rows are kept."
              .formatted(what, reason(e)),
          e);
    }
  }

  private void merge(Dataset<Row> source, boolean retried, String runId) {
    Map<String, String> columns = new LinkedHashMap<>();
    for (String column : AnswerColumns.TABLE.fieldNames()) {
      columns.put(column, "s." + column);
    }
    DeltaMergeBuilder merge =
        DeltaTable.forPath(spark, path).as("t").merge(source.as("s"), KEY_MATCHES);
    if (retried) { // without this clause Delta only appends, which is much faster
      merge =
          merge.whenMatched("t.error IS NOT NULL AND t.attempt < s.attempt").updateExpr(columns);
    }
    merge = merge.whenNotMatched().insertExpr(columns);
    try (SessionSettings settings = new SessionSettings(spark)) {
      TRANSACTION_IDENTITY.forEach(settings::unset);
      settings.set(USER_METADATA, "longform run " + runId);
      merge.execute();
    }
  }

  private static String qualified(SparkSession spark, String path) {
    try {
      Path given = new Path(path);
      FileSystem files = given.getFileSystem(spark.sparkContext().hadoopConfiguration());
      Path full = files.makeQualified(given);
      if (files.exists(full) && !DeltaTable.isDeltaTable(spark, full.toString())) {
        requireEmpty(path, files, full);
      }
      return full.toString();
    } catch (IOException | IllegalArgumentException e) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write answers to '%s': the path cannot be used (%s). Choose another --output."
              .formatted(path, e.getMessage()),
          e);
    }
  }

  private static void requireEmpty(String path, FileSystem files, Path full) throws IOException {
    FileStatus status = files.getFileStatus(full);
    if (!status.isDirectory() || files.listStatus(full).length > 0) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write answers to '%s': there is something else than a Delta table (%s). Choose another --output."
              .formatted(path, status.isDirectory() ? "a directory with files" : "a file"));
    }
  }

  private static void check(String path, StructType found) {
    List<String> wrong =
        Arrays.stream(AnswerColumns.TABLE.fields())
            .filter(field -> !has(found, field))
            .map(field -> field.name() + " " + field.dataType().catalogString())
            .toList();
    if (!wrong.isEmpty()) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write answers to '%s': the Delta table there is not a table of answers (without %s). Choose another --output."
              .formatted(path, String.join(", ", wrong)));
    }
  }

  private static boolean has(StructType schema, StructField wanted) {
    return Arrays.stream(schema.fields())
        .anyMatch(
            field ->
                field.name().equalsIgnoreCase(wanted.name())
                    && field.dataType().catalogString().equals(wanted.dataType().catalogString()));
  }
}
