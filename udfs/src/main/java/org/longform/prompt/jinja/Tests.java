package org.longform.prompt.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The list of tests: what may stand behind {@code is}. */
final class Tests {
  /** One of them. */
  @FunctionalInterface
  interface Test {
    boolean holds(Object value, Arguments arguments, Rendering rendering);
  }

  private static final Test EQUAL = Tests::equal;

  static final Map<String, Test> ALL =
      Map.ofEntries(
          Map.entry("defined", (value, given, rendering) -> !(value instanceof Undefined)),
          Map.entry("undefined", (value, given, rendering) -> value instanceof Undefined),
          Map.entry("none", (value, given, rendering) -> value == null),
          Map.entry("string", (value, given, rendering) -> value instanceof String),
          Map.entry("mapping", (value, given, rendering) -> value instanceof Map<?, ?>),
          Map.entry("iterable", (value, given, rendering) -> isIterable(value)),
          Map.entry("sequence", (value, given, rendering) -> isIterable(value)),
          Map.entry("number", (value, given, rendering) -> Values.isNumber(value)),
          Map.entry("integer", (value, given, rendering) -> value instanceof Long),
          Map.entry("float", (value, given, rendering) -> value instanceof Double),
          Map.entry("boolean", (value, given, rendering) -> value instanceof Boolean),
          Map.entry("true", (value, given, rendering) -> Boolean.TRUE.equals(value)),
          Map.entry("false", (value, given, rendering) -> Boolean.FALSE.equals(value)),
          Map.entry("callable", (value, given, rendering) -> value instanceof TemplateFunction),
          Map.entry("eq", EQUAL),
          Map.entry("equalto", EQUAL),
          Map.entry("sameas", EQUAL),
          Map.entry("ne", (value, given, rendering) -> !equal(value, given, rendering)),
          Map.entry("lt", (value, given, rendering) -> order(value, given, rendering) < 0),
          Map.entry("lessthan", (value, given, rendering) -> order(value, given, rendering) < 0),
          Map.entry("le", (value, given, rendering) -> order(value, given, rendering) <= 0),
          Map.entry("gt", (value, given, rendering) -> order(value, given, rendering) > 0),
          Map.entry("greaterthan", (value, given, rendering) -> order(value, given, rendering) > 0),
          Map.entry("ge", (value, given, rendering) -> order(value, given, rendering) >= 0),
          Map.entry(
              "in",
              (value, given, rendering) ->
                  Operators.contains(given.require(0, "seq"), value, rendering)),
          Map.entry("even", (value, given, rendering) -> Values.integer(value) % 2 == 0),
          Map.entry("odd", (value, given, rendering) -> Values.integer(value) % 2 != 0),
          Map.entry("divisibleby", (value, given, rendering) -> isDivisible(value, given)),
          Map.entry("lower", (value, given, rendering) -> isLower(Values.text(value))),
          Map.entry("upper", (value, given, rendering) -> isUpper(Values.text(value))));

  private Tests() {}

  static Test named(String name) {
    return Optional.ofNullable(ALL.get(name))
        .orElseThrow(() -> TemplateFailure.of("it uses the test '%s', which is unknown", name));
  }

  private static boolean isIterable(Object value) {
    return value instanceof String
        || value instanceof List<?>
        || value instanceof Map<?, ?>
        || value instanceof Undefined;
  }

  private static boolean equal(Object value, Arguments given, Rendering rendering) {
    return Values.equal(value, given.require(0, "other"), rendering);
  }

  private static int order(Object value, Arguments given, Rendering rendering) {
    return Operators.order(value, given.require(0, "other"), rendering);
  }

  private static boolean isDivisible(Object value, Arguments given) {
    long divisor = Values.integer(given.require(0, "num"));
    if (divisor == 0) {
      throw new TemplateFailure("it divides by zero");
    }
    return Values.integer(value) % divisor == 0;
  }

  private static boolean isLower(String text) {
    return text.equals(text.toLowerCase(Locale.ROOT))
        && text.codePoints().anyMatch(Character::isLetter);
  }

  private static boolean isUpper(String text) {
    return text.equals(text.toUpperCase(Locale.ROOT))
        && text.codePoints().anyMatch(Character::isLetter);
  }
}
