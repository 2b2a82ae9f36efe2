package org.longform.spark.job.input;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.udf;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.LongformException;

/** JSON lines, one document each. */
final class JsonCorpus {
  private static final String MALFORMED = "_corrupt_record";
  private static final int SAMPLED_LINES = 20;

  private JsonCorpus() {}

  /**
   * @throws LongformException INVALID_INPUT if none of the first lines has the columns
   */
  static Corpus open(SparkSession spark, InputSpec spec, List<FileStatus> files) {
    String[] paths = Corpora.paths(files);
    Set<String> found = fields(spark.read().textFile(paths).takeAsList(SAMPLED_LINES));
    List<String> wanted = new ArrayList<>();
    want(spec, found, wanted, spec.textColumn(), "--text-column");
    if (!spec.idColumn().isEmpty()) {
      want(spec, found, wanted, spec.idColumn(), "--id-column");
    }
    if (!spec.questionsColumn().isEmpty()) {
      want(spec, found, wanted, spec.questionsColumn(), "--questions-column");
    }
    Column id = lit(null).cast(DataTypes.StringType);
    if (!spec.idColumn().isEmpty()) {
      id = column(spec.idColumn());
    } else if (found.contains("doc_id")) {
      want(spec, found, wanted, "doc_id", "--id-column");
      id = column("doc_id");
    }
    // Declared, not inferred: that would read all lines once more. As texts, objects and arrays
    // come as the JSON they are written in.
    StructType schema = new StructType();
    for (String name : wanted) {
      schema = schema.add(name, DataTypes.StringType);
    }
    Dataset<Row> lines =
        spark
            .read()
            .schema(schema.add(MALFORMED, DataTypes.StringType))
            .option("mode", "PERMISSIVE")
            .option("columnNameOfCorruptRecord", MALFORMED)
            .json(paths);
    return TableCorpus.of(
        lines,
        new TableCorpus.Columns(
            column(spec.textColumn()), id, questions(spec.questionsColumn()), col(MALFORMED)));
  }

  private static Column questions(String column) {
    if (column.isEmpty()) {
      return lit(null).cast(DataTypes.createArrayType(DataTypes.StringType));
    }
    UDF1<String, List<String>> parse = QuestionList::parse;
    UserDefinedFunction questions = udf(parse, DataTypes.createArrayType(DataTypes.StringType));
    return questions.apply(column(column));
  }

  private static void want(
      InputSpec spec, Set<String> found, List<String> wanted, String column, String flag) {
    // without any readable line there is nothing to compare with: each becomes an error row
    if (!found.isEmpty() && !found.contains(column)) {
      throw TableCorpus.missing(spec.paths(), column, List.copyOf(found), flag);
    }
    if (!wanted.contains(column)) {
      wanted.add(column);
    }
  }

  private static Set<String> fields(List<String> lines) {
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

  private static Column column(String name) {
    return col("`" + name.replace("`", "``") + "`");
  }
}
