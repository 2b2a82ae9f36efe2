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
import org.longform.kernels.error.RootCause;

/** A Delta table in which each key is once. Its columns have an {@code error} and an attempt. */
public final class KeyedTable {
  private static final String ATTEMPT = "attempt";

  private static final String USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata";

  // A MERGE takes its identity from these and is skipped silently where they are left over from
  // an earlier write. Ours is idempotent by key and must not have them.
  private static final List<String> TRANSACTION_IDENTITY =
      List.of("spark.databricks.delta.write.txnAppId", "spark.databricks.delta.write.txnVersion");

  private final SparkSession spark;
  private final String path;
  private final Layout layout;

  /**
   * What a table is like.
   *
   * @param what its rows in sentences: "answers"
   * @param comment on the table
   * @param key columns that tell rows apart
   * @param versionProperty table property that says which version of the columns a table has
   */
  public record Layout(
      String what,
      String comment,
      StructType columns,
      List<String> key,
      String versionProperty,
      String version) {
    public Layout {
      key = List.copyOf(key);
    }

    private String keyMatches() {
      return key.stream()
          .map(column -> "t.%1$s = s.%1$s".formatted(column))
          .collect(Collectors.joining(" AND "));
    }

    private List<Object> keyOf(Row row) {
      return key.stream().map(column -> row.get(columns.fieldIndex(column))).toList();
    }
  }

  private KeyedTable(SparkSession spark, String path, Layout layout) {
    this.spark = spark;
    this.path = path;
    this.layout = layout;
  }

  /**
   * The table at a path; it is created where there is none.
   *
   * @param path any path that Hadoop's file systems know
   * @throws LongformException INVALID_INPUT if something else is there
   */
  public static KeyedTable open(SparkSession spark, String path, Layout layout) {
    KeyedTable table = new KeyedTable(spark, qualified(spark, path, layout), layout);
    if (DeltaTable.isDeltaTable(spark, table.path)) {
      table.addNewColumns();
      table.check(table.rows().schema());
    } else {
      table.create();
    }
    return table;
  }

  private void create() {
    try {
      DeltaTable.createIfNotExists(spark)
          .location(path)
          .addColumns(layout.columns())
          .comment(layout.comment())
          .property(layout.versionProperty(), layout.version())
          .execute();
    } catch (Exception e) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write %s to '%s': the table cannot be created (%s). Make the directory writable or choose another --output."
              .formatted(layout.what(), path, RootCause.of(e)),
          e);
    }
  }

  /**
   * A table that an earlier version made gets the columns that came since; its rows keep theirs.
   */
  private void addNewColumns() {
    DeltaTable table = DeltaTable.forPath(spark, path);
    StructType found = table.toDF().schema();
    List<String> present = List.of(found.fieldNames());
    boolean ours =
        table
            .detail()
            .select("properties")
            .head()
            .getJavaMap(0)
            .containsKey(layout.versionProperty());
    if (ours
        && present.containsAll(layout.key())
        && !present.containsAll(List.of(layout.columns().fieldNames()))) {
      Conflicts.retry(
          "add columns to '%s'".formatted(path),
          () ->
              spark
                  .createDataFrame(List.<Row>of(), layout.columns())
                  .write()
                  .format("delta")
                  .mode("append")
                  .option("mergeSchema", "true")
                  .save(path));
    }
  }

  /**
   * The rows of a table at a path, none where there is no table; nothing is created.
   *
   * @throws LongformException INVALID_INPUT if something else is there
   */
  public static Dataset<Row> rowsAt(SparkSession spark, String path, Layout layout) {
    String full = qualified(spark, path, layout);
    if (!DeltaTable.isDeltaTable(spark, full)) {
      return spark.createDataFrame(List.of(), layout.columns());
    }
    return open(spark, path, layout).rows();
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
   * @param rows with the columns of the layout; of equal keys the last counts
   * @param runId goes into the history of the table
   */
  public void commit(Collection<Row> rows, String runId) {
    Map<List<Object>, Row> byKey = new LinkedHashMap<>();
    rows.forEach(row -> byKey.put(layout.keyOf(row), row));
    if (byKey.isEmpty()) {
      return;
    }
    int attempt = layout.columns().fieldIndex(ATTEMPT);
    boolean retried = byKey.values().stream().anyMatch(row -> row.getInt(attempt) > 1);
    // one file for each commit: a batch is small
    Dataset<Row> source =
        spark.createDataFrame(new ArrayList<>(byKey.values()), layout.columns()).coalesce(1);
    String what = "write %d %s to '%s'".formatted(byKey.size(), layout.what(), path);
    try {
      Conflicts.retry(what, () -> merge(source, retried, runId));
    } catch (LongformException e) {
      throw e;
    } catch (Exception e) { // Scala throws checked exceptions that it does not declare
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot %s: %s. Nothing of them was written. Make the table writable and run the job again; finished rows are kept."
              .formatted(what, RootCause.of(e)),
          e);
    }
  }

  private void merge(Dataset<Row> source, boolean retried, String runId) {
    Map<String, String> columns = new LinkedHashMap<>();
    for (String column : layout.columns().fieldNames()) {
      columns.put(column, "s." + column);
    }
    DeltaMergeBuilder merge =
        DeltaTable.forPath(spark, path).as("t").merge(source.as("s"), layout.keyMatches());
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

  private static String qualified(SparkSession spark, String path, Layout layout) {
    try {
      Path given = new Path(path);
      FileSystem files = given.getFileSystem(spark.sparkContext().hadoopConfiguration());
      Path full = files.makeQualified(given);
      if (files.exists(full) && !DeltaTable.isDeltaTable(spark, full.toString())) {
        requireEmpty(path, files, full, layout);
      }
      return full.toString();
    } catch (IOException | IllegalArgumentException e) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write %s to '%s': the path cannot be used (%s). Choose another --output."
              .formatted(layout.what(), path, e.getMessage()),
          e);
    }
  }

  private static void requireEmpty(String path, FileSystem files, Path full, Layout layout)
      throws IOException {
    FileStatus status = files.getFileStatus(full);
    if (!status.isDirectory() || files.listStatus(full).length > 0) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write %s to '%s': there is something else than a Delta table (%s). Choose another --output."
              .formatted(
                  layout.what(), path, status.isDirectory() ? "a directory with files" : "a file"));
    }
  }

  private void check(StructType found) {
    List<String> wrong =
        Arrays.stream(layout.columns().fields())
            .filter(field -> !has(found, field))
            .map(field -> field.name() + " " + field.dataType().catalogString())
            .toList();
    if (!wrong.isEmpty()) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write %1$s to '%2$s': the Delta table there is not a table of %1$s (without %3$s). Choose another --output."
              .formatted(layout.what(), path, String.join(", ", wrong)));
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
