package org.longform.spark.job.input;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_set;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.sort_array;
import static org.apache.spark.sql.functions.struct;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Documents with the questions they carry and the answers that are expected. */
public final class AskedDocuments {
  /**
   * A document: sha256 of text and questions, its name, its text or why there is none, the length
   * it was made for (NULL if it was not made), and its questions. {@code depth} is where the
   * document states the answer, from 0 to 1, NULL if that is not known.
   */
  public static final StructType DOCUMENT =
      new StructType()
          .add("document_hash", DataTypes.StringType)
          .add("doc_id", DataTypes.StringType)
          .add("text", DataTypes.StringType)
          .add("problem", DataTypes.StringType)
          .add("length_tokens", DataTypes.LongType)
          .add(
              "questions",
              DataTypes.createArrayType(
                  new StructType()
                      .add("question", DataTypes.StringType)
                      .add("expected", DataTypes.StringType)
                      .add("depth", DataTypes.DoubleType)));

  private static final String QUESTIONS = "questions";
  private static final String QUESTION = "question";
  private static final String ANSWER = "answer";
  private static final String DEPTH = "depth";

  /** Written by the generator of articles. */
  private static final String LENGTH = "length_tokens_target";

  private static final String NO_QUESTIONS =
      "CAST(array() AS array<struct<question: string, expected: string, depth: double>>)";

  // a question without words is none; where an answer stands in the text is its depth
  private static final String PLACED =
      "transform(filter(coalesce(questions, %s), x -> trim(coalesce(x.question, '')) <> ''), "
              .formatted(NO_QUESTIONS)
          + "x -> named_struct('question', x.question, 'expected', x.expected, 'depth', coalesce(x.depth, "
          + "CASE WHEN x.expected <> '' AND instr(text, x.expected) > 0 "
          + "THEN (instr(text, x.expected) - 1) / length(text) END)))";

  private static final String HASH =
      "sha2(concat(coalesce(text, problem, doc_id, ''), '\\u0000', to_json(questions)), 256)";

  private AskedDocuments() {}

  /**
   * Documents as rows of {@link #DOCUMENT}, read anew by every action.
   *
   * @throws LongformException INVALID_INPUT if there are no documents, or not the columns
   */
  public static Dataset<Row> open(SparkSession spark, AskedSpec spec) {
    InputFiles files =
        InputFiles.list(spark.sparkContext().hadoopConfiguration(), spec.paths(), spec.format());
    Dataset<Row> all = null;
    for (InputFormat format : InputFormat.values()) {
      List<FileStatus> members = files.of(format);
      if (!members.isEmpty()) {
        Dataset<Row> part = part(spark, spec, format, members);
        all = all == null ? part : all.union(part);
      }
    }
    return all;
  }

  private static Dataset<Row> part(
      SparkSession spark, AskedSpec spec, InputFormat format, List<FileStatus> files) {
    String[] paths = Corpora.paths(files);
    return switch (format) {
      case TEXT, JATS -> complete(withoutQuestions(new FileCorpus(spark, format, files)));
      case JSON -> complete(ofTable(spec, spark.read().json(Corpora.patterns(List.of(paths)))));
      case PARQUET -> complete(ofTable(spec, Corpora.parquet(spark, spec.paths(), files)));
      default ->
          Arrays.stream(paths)
              .map(path -> complete(ofTable(spec, spark.read().format("delta").load(path))))
              .reduce(Dataset::union)
              .orElseThrow();
    };
  }

  private static Dataset<Row> withoutQuestions(Corpus corpus) {
    return corpus
        .documents()
        .select(
            col("doc_id"),
            col("text"),
            col("error_message").as("problem"),
            lit(null).cast(DataTypes.LongType).as("length_tokens"),
            expr(NO_QUESTIONS).as(QUESTIONS));
  }

  private static Dataset<Row> ofTable(AskedSpec spec, Dataset<Row> table) {
    StructType schema = table.schema();
    TableCorpus.requireColumn(spec.paths(), schema, spec.textColumn(), "--text-column");
    Dataset<Row> documents =
        table
            .withColumn("_text", quoted(spec.textColumn()).cast(DataTypes.StringType))
            .withColumn("_id", id(spec, schema))
            .withColumn("_length", column(schema, LENGTH, DataTypes.LongType));
    Optional<String> list =
        given(spec, schema, spec.questionsColumn(), QUESTIONS, "--questions-column");
    Optional<String> single =
        given(spec, schema, spec.questionColumn(), QUESTION, "--question-column");
    Optional<String> answer = given(spec, schema, spec.answerColumn(), ANSWER, "--answer-column");
    Dataset<Row> asked;
    if (list.isPresent() && (!spec.questionsColumn().isEmpty() || single.isEmpty())) {
      asked = documents.withColumn("_questions", listed(spec, schema, list.get()));
    } else if (single.isPresent()) {
      asked = gathered(documents, schema, single.get(), answer);
    } else {
      asked = documents.withColumn("_questions", expr(NO_QUESTIONS));
    }
    return asked.select(
        col("_id").as("doc_id"),
        col("_text").as("text"),
        lit(null).cast(DataTypes.StringType).as("problem"),
        col("_length").as("length_tokens"),
        col("_questions").as(QUESTIONS));
  }

  /** A column that was named, or the usual one if it is there. */
  private static Optional<String> given(
      AskedSpec spec, StructType schema, String named, String usual, String flag) {
    if (named.isEmpty()) {
      return has(schema, usual) ? Optional.of(usual) : Optional.empty();
    }
    TableCorpus.requireColumn(spec.paths(), schema, named, flag);
    return Optional.of(named);
  }

  private static Column listed(AskedSpec spec, StructType schema, String column) {
    DataType type = schema.apply(column).dataType();
    if (type instanceof ArrayType list
        && list.elementType() instanceof StructType each
        && has(each, QUESTION)) {
      return expr(
          "transform(%s, x -> named_struct('question', CAST(x.question AS string), 'expected', %s, 'depth', %s))"
              .formatted(
                  name(column),
                  "CAST(%s AS string)".formatted(has(each, ANSWER) ? "x." + ANSWER : "NULL"),
                  "CAST(%s AS double)".formatted(has(each, DEPTH) ? "x." + DEPTH : "NULL")));
    }
    throw new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot read documents from '%s': column '%s' holds no questions (%s). Give an array of structs with the fields 'question' and 'answer', or name other columns by --question-column and --answer-column."
            .formatted(spec.paths(), column, type.catalogString()));
  }

  /** Rows with the same text are one document. */
  private static Dataset<Row> gathered(
      Dataset<Row> rows, StructType schema, String question, Optional<String> answer) {
    Column asked =
        struct(
            quoted(question).cast(DataTypes.StringType).as(QUESTION),
            answer
                .map(AskedDocuments::quoted)
                .orElse(lit(null))
                .cast(DataTypes.StringType)
                .as("expected"),
            column(schema, DEPTH, DataTypes.DoubleType).as(DEPTH));
    return rows.groupBy("_text")
        .agg(
            min("_id").as("_id"),
            max("_length").as("_length"),
            // a set has no order of its own, and the order is part of what the document is
            sort_array(collect_set(asked)).as("_questions"));
  }

  /** What all forms have in common. */
  private static Dataset<Row> complete(Dataset<Row> documents) {
    return documents
        .withColumn(QUESTIONS, expr(PLACED))
        .withColumn("document_hash", expr(HASH))
        .withColumn("doc_id", coalesce(col("doc_id"), expr("substring(document_hash, 1, 12)")))
        .select(Arrays.stream(DOCUMENT.fieldNames()).map(name -> col(name)).toArray(Column[]::new));
  }

  private static Column id(AskedSpec spec, StructType schema) {
    if (!spec.idColumn().isEmpty()) {
      TableCorpus.requireColumn(spec.paths(), schema, spec.idColumn(), "--id-column");
      return quoted(spec.idColumn()).cast(DataTypes.StringType);
    }
    return column(schema, TableCorpus.DEFAULT_ID_COLUMN, DataTypes.StringType);
  }

  private static Column column(StructType schema, String name, DataType type) {
    return (has(schema, name) ? quoted(name) : lit(null)).cast(type);
  }

  private static boolean has(StructType schema, String column) {
    return Arrays.asList(schema.fieldNames()).contains(column);
  }

  private static Column quoted(String column) {
    return col(name(column));
  }

  // a name may have dots, which otherwise mean fields of structs
  private static String name(String column) {
    return "`" + column.replace("`", "``") + "`";
  }
}
