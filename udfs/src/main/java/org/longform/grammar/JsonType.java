package org.longform.grammar;

import java.util.ArrayList;
import java.util.List;

/**
 * What kind of JSON a value is.
 *
 * @param nullable whether it may be null instead
 * @param properties of an object, in the order they are written
 * @param items of an array; null for other kinds
 * @param most characters of a string or items of an array, {@link #UNLIMITED} for any number
 * @param values all that are allowed, as JSON; empty where any are
 */
public record JsonType(
    Kind kind,
    boolean nullable,
    List<Property> properties,
    JsonType items,
    int most,
    List<String> values) {
  public static final int UNLIMITED = Rule.UNLIMITED;

  public JsonType {
    properties = List.copyOf(properties);
    values = List.copyOf(values);
  }

  /** Kinds of values. */
  public enum Kind {
    OBJECT,
    ARRAY,
    STRING,
    INTEGER,
    NUMBER,
    BOOLEAN
  }

  /**
   * A property of an object.
   *
   * @param required whether it is always written
   */
  public record Property(String name, JsonType type, boolean required) {}

  /** An object with a text, or null, for each label. */
  public static JsonType ofLabels(List<String> labels) {
    JsonType text = new JsonType(Kind.STRING, true, List.of(), null, UNLIMITED, List.of());
    return new JsonType(
        Kind.OBJECT,
        false,
        labels.stream().map(label -> new Property(label, text, true)).toList(),
        null,
        UNLIMITED,
        List.of());
  }

  /** The JSON texts of this type, in their shortest form. */
  Rule rule() {
    Rule rule = values.isEmpty() ? anyValue() : oneOf(values);
    return nullable ? new NullOr(rule) : rule;
  }

  private Rule anyValue() {
    return switch (kind) {
      case STRING -> new JsonString(most);
      case INTEGER -> JsonNumber.integer();
      case NUMBER -> JsonNumber.decimal();
      case BOOLEAN -> oneOf(List.of("true", "false"));
      case ARRAY -> new JsonArray(items.rule(), most);
      case OBJECT -> {
        List<JsonObject.Member> members = new ArrayList<>();
        for (Property property : properties) {
          members.add(
              new JsonObject.Member(
                  JsonText.bytes(JsonText.quoted(property.name)),
                  property.type.rule(),
                  property.required));
        }
        yield new JsonObject(members);
      }
    };
  }

  private static Rule oneOf(List<String> texts) {
    return new Words(texts.stream().map(JsonText::bytes).toList());
  }
}
