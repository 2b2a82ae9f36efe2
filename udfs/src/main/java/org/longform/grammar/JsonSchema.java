package org.longform.grammar;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.longform.grammar.JsonType.Kind;
import org.longform.grammar.JsonType.Property;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Reads the part of JSON Schema (draft 2020-12) that says what a struct is: objects with
 * properties, arrays with items and maxItems, strings with enum or maxLength, numbers, integers,
 * booleans; each may be null where its type is a list with "null". Whatever else a schema demands
 * is refused, since nobody would keep to it; title, description, examples and default are for the
 * reader, that is the model.
 *
 * <p>All properties are required where an object has no list "required"; where it has one, the
 * others may be missing. They come in the order they are written in. Objects have no properties
 * besides, so additionalProperties may only be false.
 */
public final class JsonSchema {
  private static final int LONGEST = 1 << 16;
  private static final int DEEPEST = 8;
  private static final int MOST_PROPERTIES = 256;
  private static final int MOST_VALUES = 1000;
  private static final int LONGEST_TEXT = 256;
  private static final int LARGEST_COUNT = 1 << 20;

  private static final Set<String> NOTES =
      Set.of("title", "description", "examples", "default", "$schema", "$id", "$comment");

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build();

  private int properties;
  private int values;

  private JsonSchema() {}

  /**
   * What is to be extracted: a JSON array of labels, which become texts that may be null, or a JSON
   * schema of an object.
   *
   * @throws LongformException INVALID_INPUT with what is wrong and where
   */
  public static JsonType extracted(String json) {
    JsonNode node = read(json, LONGEST, why -> invalid("it", why));
    if (node.isArray()) {
      String verb = "extract";
      return JsonType.ofLabels(Labels.distinct(verb, Labels.ofJson(verb, node)));
    }
    JsonType type = new JsonSchema().type(node, "the schema", 1);
    if (type.kind() != Kind.OBJECT || type.nullable()) {
      throw invalid("the schema", "is not of type \"object\"");
    }
    return type;
  }

  static JsonNode read(String json, int longest, Function<String, LongformException> refusal) {
    if (json.length() > longest) {
      throw refusal.apply(
          "has %d characters, and %d are allowed".formatted(json.length(), longest));
    }
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw refusal.apply("is no JSON (%s)".formatted(Labels.shortened(e.getOriginalMessage())));
    }
  }

  private JsonType type(JsonNode schema, String where, int depth) {
    if (!schema.isObject()) {
      throw invalid(where, "is no JSON object (%s)".formatted(shortened(schema)));
    }
    if (depth > DEEPEST) {
      throw invalid(where, "lies more than %d levels deep".formatted(DEEPEST));
    }
    Set<String> types = types(schema, where);
    boolean nullable = types.remove("null");
    if (types.isEmpty() && schema.has("enum")) {
      types.add(typeOfValues(schema.get("enum"), where));
    }
    if (types.size() != 1) {
      throw invalid(
          where,
          types.isEmpty()
              ? "has no type (%s)".formatted(shortened(schema))
              : "is of several types (%s), and only one and \"null\" are allowed".formatted(types));
    }
    String name = types.iterator().next();
    return switch (name) {
      case "object" -> object(schema, nullable, where, depth);
      case "array" -> array(schema, nullable, where, depth);
      case "string" -> string(schema, nullable, where);
      case "integer" -> plain(schema, Kind.INTEGER, nullable, where);
      case "number" -> plain(schema, Kind.NUMBER, nullable, where);
      case "boolean" -> plain(schema, Kind.BOOLEAN, nullable, where);
      default ->
          throw invalid(
              where,
              "is of type \"%s\" (known: object, array, string, integer, number, boolean, null)"
                  .formatted(Labels.shortened(name)));
    };
  }

  private static Set<String> types(JsonNode schema, String where) {
    JsonNode type = schema.path("type");
    Set<String> types = new LinkedHashSet<>();
    if (type.isTextual()) {
      types.add(type.textValue());
    } else if (type.isArray()) {
      type.forEach(each -> types.add(each.isTextual() ? each.textValue() : each.toString()));
    } else if (!type.isMissingNode()) {
      throw invalid(where, "has the type %s".formatted(shortened(type)));
    }
    return types;
  }

  private static String typeOfValues(JsonNode values, String where) {
    boolean texts = true;
    for (JsonNode value : values) {
      texts &= value.isTextual() || value.isNull();
    }
    if (!texts) {
      throw invalid(where, "has an enum and no type");
    }
    return "string";
  }

  private JsonType object(JsonNode schema, boolean nullable, String where, int depth) {
    requireKnown(schema, where, Set.of("type", "properties", "required", "additionalProperties"));
    JsonNode additional = schema.path("additionalProperties");
    if (!additional.isMissingNode() && !(additional.isBoolean() && !additional.booleanValue())) {
      throw invalid(where, "allows additionalProperties, which a struct cannot have");
    }
    JsonNode described = schema.path("properties");
    if (!described.isObject() || described.isEmpty()) {
      throw invalid(where, "has no properties");
    }
    Set<String> required = required(schema, described, where);
    List<Property> found = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : described.properties()) {
      String name = entry.getKey();
      properties++;
      if (properties > MOST_PROPERTIES) {
        throw invalid("the schema", "has more than %d properties".formatted(MOST_PROPERTIES));
      }
      if (name.isEmpty() || name.length() > LONGEST_TEXT || !JsonText.isWellFormed(name)) {
        throw invalid(
            where,
            "has a property '%s' (%d characters, and 1 to %d are allowed)"
                .formatted(Labels.shortened(name), name.length(), LONGEST_TEXT));
      }
      String place = "property '%s'".formatted(Labels.shortened(name));
      found.add(
          new Property(name, type(entry.getValue(), place, depth + 1), required.contains(name)));
    }
    return new JsonType(Kind.OBJECT, nullable, found, null, JsonType.UNLIMITED, List.of());
  }

  private static Set<String> required(JsonNode schema, JsonNode described, String where) {
    Set<String> required = new HashSet<>();
    JsonNode named = schema.path("required");
    if (named.isMissingNode()) {
      for (Iterator<String> names = described.fieldNames(); names.hasNext(); ) {
        required.add(names.next());
      }
      return required;
    }
    if (!named.isArray()) {
      throw invalid(where, "has a list required that is none (%s)".formatted(shortened(named)));
    }
    for (JsonNode name : named) {
      if (!name.isTextual() || !described.has(name.textValue())) {
        throw invalid(
            where, "requires %s, which is none of its properties".formatted(shortened(name)));
      }
      required.add(name.textValue());
    }
    return required;
  }

  private JsonType array(JsonNode schema, boolean nullable, String where, int depth) {
    requireKnown(schema, where, Set.of("type", "items", "maxItems"));
    JsonType items = type(schema.path("items"), "items of " + where, depth + 1);
    int most = count(schema, "maxItems", where);
    return new JsonType(Kind.ARRAY, nullable, List.of(), items, most, List.of());
  }

  private JsonType string(JsonNode schema, boolean nullable, String where) {
    if (schema.has("enum")) {
      return plain(schema, Kind.STRING, nullable, where);
    }
    requireKnown(schema, where, Set.of("type", "maxLength"));
    int most = count(schema, "maxLength", where);
    return new JsonType(Kind.STRING, nullable, List.of(), null, most, List.of());
  }

  private JsonType plain(JsonNode schema, Kind kind, boolean nullable, String where) {
    requireKnown(schema, where, Set.of("type", "enum"));
    if (!schema.has("enum")) {
      return new JsonType(kind, nullable, List.of(), null, JsonType.UNLIMITED, List.of());
    }
    JsonNode allowed = schema.get("enum");
    Set<String> texts = new LinkedHashSet<>();
    boolean mayBeNull = nullable;
    for (JsonNode value : allowed) {
      values++;
      if (values > MOST_VALUES) {
        throw invalid("the schema", "has more than %d values in enums".formatted(MOST_VALUES));
      }
      if (value.isNull()) {
        mayBeNull = true;
      } else {
        texts.add(value(value, kind, where));
      }
    }
    if (!allowed.isArray() || texts.isEmpty()) {
      throw invalid(where, "has an enum without a value (%s)".formatted(shortened(allowed)));
    }
    return new JsonType(kind, mayBeNull, List.of(), null, JsonType.UNLIMITED, List.copyOf(texts));
  }

  private static String value(JsonNode value, Kind kind, String where) {
    boolean fits =
        switch (kind) {
          case STRING -> value.isTextual() && JsonText.isWellFormed(value.textValue());
          case INTEGER -> value.isIntegralNumber() && value.canConvertToLong();
          case NUMBER -> value.isNumber() && Double.isFinite(value.doubleValue());
          case BOOLEAN -> value.isBoolean();
          default -> false;
        };
    String text = value.isTextual() ? JsonText.quoted(value.textValue()) : value.toString();
    if (!fits || text.length() > LONGEST_TEXT) {
      throw invalid(
          where,
          "has %s in its enum, which is no %s of at most %d characters"
              .formatted(
                  shortened(value), kind.name().toLowerCase(java.util.Locale.ROOT), LONGEST_TEXT));
    }
    return text;
  }

  private static int count(JsonNode schema, String key, String where) {
    JsonNode count = schema.path(key);
    if (count.isMissingNode()) {
      return JsonType.UNLIMITED;
    }
    if (!count.isInt() || count.intValue() < 0 || count.intValue() > LARGEST_COUNT) {
      throw invalid(
          where, "has the %s %s, expected 0 to %d".formatted(key, shortened(count), LARGEST_COUNT));
    }
    return count.intValue();
  }

  private static void requireKnown(JsonNode schema, String where, Set<String> known) {
    for (Iterator<String> keys = schema.fieldNames(); keys.hasNext(); ) {
      String key = keys.next();
      if (!known.contains(key) && !NOTES.contains(key)) {
        throw invalid(
            where,
            "has the keyword '%s', which is not supported (here: %s)"
                .formatted(
                    Labels.shortened(key), String.join(", ", new java.util.TreeSet<>(known))));
      }
    }
  }

  private static String shortened(JsonNode node) {
    return Labels.shortened(node.toString());
  }

  private static LongformException invalid(String where, String why) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot extract: the second argument is neither labels nor a JSON schema that can be followed; %s %s. Change it."
            .formatted(where, why));
  }
}
