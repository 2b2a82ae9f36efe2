package org.longform.spark.job.input;

import io.delta.tables.DeltaTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.error.RootCause;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens what an {@link InputSpec} names. */
public final class Corpora {
  private static final Logger LOG = LoggerFactory.getLogger(Corpora.class);

  private Corpora() {}

  /**
   * @throws LongformException INVALID_INPUT if there are no documents, or not the columns
   */
  public static Corpus open(SparkSession spark, InputSpec spec) {
    InputFiles files =
        InputFiles.list(spark.sparkContext().hadoopConfiguration(), spec.paths(), spec.format());
    if (!files.ignoredEndings().isEmpty()) {
      LOG.warn(
          "Left out files of no known format in '{}': {}. Name them, or the format, to read them.",
          spec.paths(),
          String.join(" ", files.ignoredEndings()));
    }
    List<Corpus> parts = new ArrayList<>();
    for (InputFormat format : InputFormat.values()) {
      List<FileStatus> members = files.of(format);
      if (members.isEmpty()) {
        continue;
      }
      switch (format) {
        case TEXT, JATS -> parts.add(new FileCorpus(spark, format, members));
        case JSON -> parts.add(JsonCorpus.open(spark, spec, members));
        case PARQUET ->
            parts.add(TableCorpus.open(spec, parquet(spark, spec.paths(), members), spec.paths()));
        default -> {
          for (FileStatus table : members) {
            String path = table.getPath().toString();
            parts.add(TableCorpus.open(spec, deltaTable(spark, path), path));
          }
        }
      }
    }
    return parts.size() == 1 ? parts.get(0) : new Several(parts);
  }

  // A job looks at its input several times, and rows that others write meanwhile may move those
  // beside them to other files.
  private static Dataset<Row> deltaTable(SparkSession spark, String path) {
    long now = DeltaTable.forPath(spark, path).history(1).select("version").head().getLong(0);
    return spark.read().format("delta").option("versionAsOf", now).load(path);
  }

  /**
   * @param where what the user named, for the error sentence
   * @throws LongformException INVALID_INPUT if a file is no Parquet
   */
  static Dataset<Row> parquet(SparkSession spark, String where, List<FileStatus> files) {
    try {
      return spark.read().parquet(patterns(List.of(paths(files))));
    } catch (Exception e) { // Scala throws checked exceptions that it does not declare
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot read documents from '%s': a Parquet file cannot be opened (%s). Leave it out or write it again."
              .formatted(where, RootCause.of(e)),
          e);
    }
  }

  /** Paths as Spark takes them, for which brackets, braces and stars in a name are a glob. */
  static String[] patterns(List<String> paths) {
    return paths.stream()
        .map(path -> path.replaceAll("[\\[\\]{}*?\\\\]", "\\\\$0"))
        .toArray(String[]::new);
  }

  static String[] paths(List<FileStatus> files) {
    return files.stream().map(file -> file.getPath().toString()).toArray(String[]::new);
  }

  /** Inputs of several formats one after the other. */
  private record Several(List<Corpus> parts) implements Corpus {
    @Override
    public Dataset<Row> documents() {
      return parts.stream().map(Corpus::documents).reduce(Dataset::union).orElseThrow();
    }

    @Override
    public Dataset<Row> documentsOf(Set<String> sourcePaths) {
      return parts.stream()
          .map(part -> part.documentsOf(sourcePaths))
          .reduce(Dataset::union)
          .orElseThrow();
    }
  }
}
