package org.longform.sql;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.longform.grammar.JsonSchema;
import org.longform.grammar.JsonType;
import org.longform.grammar.Labels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.Task;
import org.longform.read.Answer;

/** {@code ai_extract(content, labels | schema [, options])}. */
final class ExtractFunction implements SqlFunction {
  private record Parsed(String wanted, JsonType type) {}

  private volatile Parsed newest;

  @Override
  public String word() {
    return "extract";
  }

  @Override
  public String arguments() {
    return "content, labels | schema [, options]";
  }

  @Override
  public String doc() {
    return "Takes facts out of a document of any length, as a struct. An array of labels gives a STRING field for each, NULL where the document does not say. A JSON schema gives a field for each property: string (enum, maxLength), integer (BIGINT), number (DOUBLE), boolean, array (items, maxItems) and object, in any depth up to 8; `\"type\": [\"string\", \"null\"]` may be NULL. All properties are written, in their order, unless a list `required` leaves some out. Any other keyword is refused, but descriptions are for the model. The model can write nothing but JSON that fits, whatever its size; where max_new_tokens are used up the rest is closed in the shortest way, and the detail form says `length`. Stop texts do not count. Labels and schema are literals, since the type of the result follows from them; the Java UDF `Extract` takes any and returns JSON. NULL for a NULL document.";
  }

  @Override
  public List<Example> examples() {
    return List.of(
        new Example(
            "SELECT typeof(ai_extract('The sample size of the Veldra cohort was 4821.', array('cohort', 'sample size')))",
            "struct<cohort:string,sample size:string>"),
        new Example(
            "SELECT typeof(ai_extract('The sample size of the Veldra cohort was 4821.', '{\"type\":\"object\",\"properties\":{\"size\":{\"type\":\"integer\"},\"names\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":3}}}'))",
            "struct<size:bigint,names:array<string>>"));
  }

  @Override
  public Optional<List<DataType>> accepts(List<DataType> given) {
    if (given.size() != 2) {
      return Optional.empty();
    }
    DataType wanted =
        given.get(1) instanceof ArrayType
            ? DataTypes.createArrayType(DataTypes.StringType)
            : DataTypes.StringType;
    return Optional.of(List.of(DataTypes.StringType, wanted));
  }

  @Override
  public FunctionCall call(List<Object> arguments) {
    return FunctionCall.of((String) arguments.get(0), Task.EXTRACT, wanted(arguments.get(1)));
  }

  private static String wanted(Object argument) {
    return argument instanceof List<?> labels
        ? Labels.toJson(JavaValues.texts(labels))
        : (String) argument;
  }

  @Override
  public DataType valueType(List<DataType> arguments) {
    throw new IllegalStateException("the type follows from the labels");
  }

  @Override
  public String returns() {
    return "STRUCT";
  }

  @Override
  public DataType valueType(List<DataType> arguments, List<Object> literals) {
    Object literal = literals.get(1);
    if (literal == null) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot extract: the type of the result follows from the labels or the schema, so they must be literals and not NULL. Write them into the query, or register the Java UDF org.longform.sql.udf.Extract, which returns JSON.");
    }
    return JsonRows.sparkType(type(wanted(literal)));
  }

  @Override
  public Object value(String text, List<Object> arguments) {
    // what is wrong with a schema is the row's error, and there is no text then
    return text == null ? null : JsonRows.value(text, type(wanted(arguments.get(1))));
  }

  /** What the JSON is, which is mostly the same for all rows. */
  private JsonType type(String wanted) {
    Parsed parsed = newest;
    if (parsed == null || !parsed.wanted.equals(wanted)) {
      parsed = new Parsed(wanted, JsonSchema.extracted(wanted));
      newest = parsed;
    }
    return parsed.type;
  }

  @Override
  public boolean givesArray(List<DataType> arguments) {
    return false;
  }

  @Override
  public Row row(Answer answer, List<Object> arguments) {
    return AnswerSchema.toRow(answer, value(answer.value(), arguments));
  }

  @Override
  public DataType detailType(DataType valueType) {
    return AnswerSchema.detail(valueType);
  }
}
