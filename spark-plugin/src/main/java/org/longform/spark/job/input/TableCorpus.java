package org.longform.spark.job.input;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.when;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Rows of a table, one document each. */
final class TableCorpus implements Corpus {
  static final String DEFAULT_ID_COLUMN = "doc_id";

  // beyond this a list of files in a filter costs more than it saves
  private static final int FILTERED_FILES = 1000;

  private final Dataset<Row> documents;

  private TableCorpus(Dataset<Row> documents) {
    this.documents = documents;
  }

  /**
   * @param where what the user named, for error sentences
   * @throws LongformException INVALID_INPUT if a column is missing or has the wrong type
   */
  static Corpus open(InputSpec spec, Dataset<Row> table, String where) {
    StructType schema = table.schema();
    requireColumn(where, schema, spec.textColumn(), "--text-column");
    if (!schema.apply(spec.textColumn()).dataType().sameType(DataTypes.StringType)) {
      throw refusal(
          where,
          "column '%s' is no text (%s)"
              .formatted(
                  spec.textColumn(), schema.apply(spec.textColumn()).dataType().catalogString()),
          "Name the column with the text by --text-column.");
    }
    if (!spec.idColumn().isEmpty()) {
      requireColumn(where, schema, spec.idColumn(), "--id-column");
    }
    Column questions = lit(null).cast(DataTypes.createArrayType(DataTypes.StringType));
    if (!spec.questionsColumn().isEmpty()) {
      requireColumn(where, schema, spec.questionsColumn(), "--questions-column");
      questions = questions(where, schema, spec.questionsColumn());
    }
    return new TableCorpus(documents(table, spec, questions));
  }

  private static Dataset<Row> documents(Dataset<Row> table, InputSpec spec, Column questions) {
    Dataset<Row> named =
        table.select(
            quoted(spec.textColumn()).as("given_text"),
            id(spec, table.schema()).cast(DataTypes.StringType).as("given_id"),
            questions.as("questions"),
            col("_metadata.file_path").as("source_path"));
    Column blank = col("given_text").isNull().or(trim(col("given_text"), " \t\r\n").equalTo(""));
    Column name = coalesce(col("given_id"), col("source_path"));
    Column identity =
        when(blank, concat(lit("document without text "), name)).otherwise(col("given_text"));
    Column sentence =
        concat(
            lit("Cannot read document '"),
            name,
            lit("': its text is "),
            when(col("given_text").isNull(), lit("NULL")).otherwise(lit("empty")),
            lit(". Leave it out or name the column with the text."));
    return named
        .withColumn("content_hash", sha2(identity.cast(DataTypes.BinaryType), 256))
        .select(
            coalesce(col("given_id"), col("content_hash")).as("doc_id"),
            col("source_path"),
            when(blank, lit(null)).otherwise(col("given_text")).as("text"),
            when(blank, lit(ErrorClass.EMPTY_DOCUMENT.name())).as("error_class"),
            when(blank, sentence).as("error_message"),
            col("content_hash"),
            col("questions"));
  }

  @Override
  public Dataset<Row> documents() {
    return documents;
  }

  @Override
  public Dataset<Row> documentsOf(Set<String> sourcePaths) {
    return sourcePaths.size() > FILTERED_FILES
        ? documents
        : documents.filter(col("source_path").isInCollection(sourcePaths));
  }

  private static Column id(InputSpec spec, StructType schema) {
    if (!spec.idColumn().isEmpty()) {
      return quoted(spec.idColumn());
    }
    return has(schema, DEFAULT_ID_COLUMN)
        ? quoted(DEFAULT_ID_COLUMN)
        : lit(null).cast(DataTypes.StringType);
  }

  private static Column questions(String where, StructType schema, String column) {
    DataType type = schema.apply(column).dataType();
    if (type.sameType(DataTypes.StringType)) {
      return when(quoted(column).isNotNull(), array(quoted(column)));
    }
    if (type instanceof ArrayType list) {
      if (list.elementType().sameType(DataTypes.StringType)) {
        return quoted(column);
      }
      if (list.elementType() instanceof StructType each && has(each, "question")) {
        return quoted(column).getField("question");
      }
    }
    throw refusal(
        where,
        "column '%s' holds no questions (%s)".formatted(column, type.catalogString()),
        "Questions are a text, an array of texts or an array of structs with a field 'question'.");
  }

  static void requireColumn(String where, StructType schema, String column, String flag) {
    if (!has(schema, column)) {
      throw missing(where, column, List.of(schema.fieldNames()), flag);
    }
  }

  static LongformException missing(String where, String column, List<String> found, String flag) {
    return refusal(
        where,
        "there is no column '%s' (found: %s)".formatted(column, String.join(", ", found)),
        "Name the column by " + flag + ".");
  }

  private static LongformException refusal(String where, String why, String remedy) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot read documents from '%s': %s. %s".formatted(where, why, remedy));
  }

  private static boolean has(StructType schema, String column) {
    return Arrays.asList(schema.fieldNames()).contains(column);
  }

  // a name may have dots, which otherwise mean fields of structs
  private static Column quoted(String column) {
    return col("`" + column.replace("`", "``") + "`");
  }
}
