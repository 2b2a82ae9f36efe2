package org.longform.spark.job.input;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** Files that hold one document each. */
final class FileCorpus implements Corpus {
  // small enough that a listing of many small files is spread over all cores
  private static final int FILES_PER_TASK = 16;

  private final SparkSession spark;
  private final InputFormat format;
  private final List<FileStatus> files;

  FileCorpus(SparkSession spark, InputFormat format, List<FileStatus> files) {
    this.spark = spark;
    this.format = format;
    this.files = files;
  }

  @Override
  public Dataset<Row> documents() {
    return read(List.of(Corpora.paths(files)));
  }

  @Override
  public Dataset<Row> documentsOf(Set<String> sourcePaths) {
    List<String> wanted = new ArrayList<>(List.of(Corpora.paths(files)));
    wanted.retainAll(sourcePaths);
    return read(wanted);
  }

  private Dataset<Row> read(List<String> paths) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Broadcast<SerializableConfiguration> conf =
        context.broadcast(
            new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
    InputFormat kind = format;
    int tasks = Math.max(1, (paths.size() + FILES_PER_TASK - 1) / FILES_PER_TASK);
    return spark.createDataFrame(
        context
            .parallelize(
                paths, Math.max(tasks, Math.min(paths.size(), context.defaultParallelism())))
            .map(path -> DocumentFile.read(path, kind, conf.value().value())),
        Corpus.DOCUMENT);
  }
}
