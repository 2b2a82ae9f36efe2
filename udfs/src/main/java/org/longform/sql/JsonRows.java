package org.longform.sql;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.longform.grammar.JsonType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** JSON of a type as values of Spark. Every field is nullable, as Delta tables want it. */
final class JsonRows {
  private static final ObjectMapper JSON = new ObjectMapper();

  private JsonRows() {}

  static DataType sparkType(JsonType type) {
    return switch (type.kind()) {
      case STRING -> DataTypes.StringType;
      case INTEGER -> DataTypes.LongType;
      case NUMBER -> DataTypes.DoubleType;
      case BOOLEAN -> DataTypes.BooleanType;
      case ARRAY -> DataTypes.createArrayType(sparkType(type.items()));
      case OBJECT -> structType(type);
    };
  }

  private static StructType structType(JsonType type) {
    StructType struct = new StructType();
    for (JsonType.Property property : type.properties()) {
      struct = struct.add(property.name(), sparkType(property.type()));
    }
    return struct;
  }

  /**
   * @param text JSON of the type
   * @return a row with its schema, or what else the type is of
   */
  static Object value(String text, JsonType type) {
    try {
      return value(JSON.readTree(text), type);
    } catch (JsonProcessingException e) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot read what was extracted: it is no JSON (%s). Please report it."
              .formatted(e.getOriginalMessage()),
          e);
    }
  }

  private static Object value(JsonNode json, JsonType type) {
    if (json == null || json.isNull() || json.isMissingNode()) {
      return null;
    }
    return switch (type.kind()) {
      case STRING -> json.textValue();
      case INTEGER -> json.longValue();
      case NUMBER -> json.doubleValue();
      case BOOLEAN -> json.booleanValue();
      case ARRAY -> list(json, type);
      case OBJECT -> row(json, type);
    };
  }

  private static List<Object> list(JsonNode json, JsonType type) {
    List<Object> values = new ArrayList<>();
    json.forEach(each -> values.add(value(each, type.items())));
    return values;
  }

  private static Row row(JsonNode json, JsonType type) {
    List<Object> values = new ArrayList<>();
    for (JsonType.Property property : type.properties()) {
      values.add(value(json.get(property.name()), property.type()));
    }
    return new GenericRowWithSchema(values.toArray(), structType(type));
  }
}
