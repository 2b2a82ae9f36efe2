package org.longform.spark.job.input;

import static org.apache.spark.sql.functions.col;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.longform.kernels.error.LongformException;

/** JSON lines, one document each. */
final class JsonCorpus implements Corpus {
  private static final int SAMPLED_LINES = 20;

  private final SparkSession spark;
  private final List<String> paths;
  private final JsonLine.Fields fields;

  private JsonCorpus(SparkSession spark, List<String> paths, JsonLine.Fields fields) {
    this.spark = spark;
    this.paths = paths;
    this.fields = fields;
  }

  /**
   * @throws LongformException INVALID_INPUT if none of the first lines has the columns
   */
  static Corpus open(SparkSession spark, InputSpec spec, List<FileStatus> files) {
    List<String> paths = List.of(Corpora.paths(files));
    Set<String> found =
        sampledFields(spark.read().textFile(Corpora.patterns(paths)[0]).takeAsList(SAMPLED_LINES));
    require(spec, found, spec.textColumn(), "--text-column");
    require(spec, found, spec.idColumn(), "--id-column");
    require(spec, found, spec.questionsColumn(), "--questions-column");
    String id = spec.idColumn().isEmpty() ? TableCorpus.DEFAULT_ID_COLUMN : spec.idColumn();
    return new JsonCorpus(
        spark, paths, new JsonLine.Fields(spec.textColumn(), id, spec.questionsColumn()));
  }

  @Override
  public Dataset<Row> documents() {
    return read(paths);
  }

  @Override
  public Dataset<Row> documentsOf(Set<String> sourcePaths) {
    List<String> wanted = new ArrayList<>(paths);
    wanted.retainAll(sourcePaths);
    return read(wanted);
  }

  private Dataset<Row> read(List<String> wanted) {
    if (wanted.isEmpty()) {
      return spark.createDataFrame(List.<Row>of(), Corpus.DOCUMENT);
    }
    JsonLine.Fields wantedFields = fields;
    return spark.createDataFrame(
        spark
            .read()
            .text(Corpora.patterns(wanted))
            .filter("trim(value) != ''")
            // as bytes: whether they are UTF-8 is checked with the rest of the line
            .select(col("value").cast(DataTypes.BinaryType), col("_metadata.file_path"))
            .javaRDD()
            .map(row -> document(row.getString(1), row.getAs(0), wantedFields)),
        Corpus.DOCUMENT);
  }

  private static Row document(String uri, byte[] line, JsonLine.Fields fields) {
    String path = new Path(URI.create(uri)).toString();
    try {
      JsonLine parsed = JsonLine.parse(path, line, fields);
      return DocumentRow.of(parsed.id(), path, parsed.text(), parsed.questions());
    } catch (LongformException e) {
      return DocumentRow.failed(null, path, line, e);
    }
  }

  private static void require(InputSpec spec, Set<String> found, String column, String flag) {
    // without any readable line there is nothing to compare with: each becomes an error row
    if (!column.isEmpty() && !found.isEmpty() && !found.contains(column)) {
      throw TableCorpus.missing(spec.paths(), column, List.copyOf(found), flag);
    }
  }

  private static Set<String> sampledFields(List<String> lines) {
    Set<String> names = new LinkedHashSet<>();
    ObjectMapper json = new ObjectMapper();
    for (String line : lines) {
      try {
        JsonNode tree = json.readTree(line);
        tree.fieldNames().forEachRemaining(names::add);
      } catch (JsonProcessingException e) {
        continue; // becomes a row with an error when it is read
      }
    }
    return names;
  }
}
