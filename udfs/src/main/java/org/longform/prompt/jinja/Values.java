package org.longform.prompt.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The values of templates and what Python makes of them: null for none, booleans, longs, doubles,
 * texts, lists (tuples, too), dictionaries, {@link Undefined}, {@link Namespace}, {@link Loop} and
 * {@link TemplateFunction}.
 */
final class Values {
  private static final double LARGEST_PLAIN = 1e16;
  private static final double SMALLEST_PLAIN = 1e-4;

  private Values() {}

  /** A value from outside as one of those. */
  static Object of(Object value) {
    if (value instanceof Map<?, ?> map) {
      Map<Object, Object> copy = new LinkedHashMap<>();
      map.forEach((key, each) -> copy.put(of(key), of(each)));
      return copy;
    }
    if (value instanceof Iterable<?> list) {
      List<Object> copy = new ArrayList<>();
      list.forEach(each -> copy.add(of(each)));
      return copy;
    }
    if (value instanceof Float || value instanceof Double || value instanceof BigDecimal) {
      return ((Number) value).doubleValue();
    }
    if (value instanceof Number number) {
      return number.longValue();
    }
    boolean known =
        value == null
            || value instanceof Boolean
            || value instanceof Undefined
            || value instanceof TemplateFunction;
    return known ? value : value.toString();
  }

  /** As error messages call it. */
  static String type(Object value) {
    if (value == null) {
      return "none";
    }
    if (value instanceof String) {
      return "text";
    }
    if (value instanceof Boolean) {
      return "boolean";
    }
    if (value instanceof Number) {
      return "number";
    }
    if (value instanceof List<?>) {
      return "list";
    }
    if (value instanceof Map<?, ?>) {
      return "dictionary";
    }
    if (value instanceof Undefined) {
      return "undefined value";
    }
    return value instanceof TemplateFunction ? "function" : "value";
  }

  static boolean truth(Object value) {
    if (value == null || value instanceof Undefined) {
      return false;
    }
    if (value instanceof Boolean truth) {
      return truth;
    }
    if (value instanceof Number number) {
      return number.doubleValue() != 0;
    }
    if (value instanceof String text) {
      return !text.isEmpty();
    }
    if (value instanceof List<?> list) {
      return !list.isEmpty();
    }
    return !(value instanceof Map<?, ?> map) || !map.isEmpty();
  }

  /** As Python's {@code str}. */
  static String text(Object value) {
    if (value instanceof String text) {
      return text;
    }
    return value instanceof Undefined ? "" : repr(value);
  }

  private static String repr(Object value) {
    if (value == null) {
      return "None";
    }
    if (value instanceof String text) {
      return TextLiteral.repr(text);
    }
    if (value instanceof Boolean truth) {
      return truth ? "True" : "False";
    }
    if (value instanceof Double number) {
      return decimal(number);
    }
    if (value instanceof List<?> list) {
      boolean tuple = list instanceof Tuple;
      StringBuilder text = new StringBuilder(tuple ? "(" : "[");
      for (Object each : list) {
        text.append(text.length() > 1 ? ", " : "").append(repr(each));
        Rendering.requireRoom(text.length());
      }
      return text.append(tuple && list.size() == 1 ? "," : "").append(tuple ? ')' : ']').toString();
    }
    if (value instanceof Map<?, ?> map) {
      StringBuilder text = new StringBuilder("{");
      map.forEach(
          (key, each) -> {
            text.append(text.length() > 1 ? ", " : "").append(repr(key)).append(": ");
            text.append(repr(each));
            Rendering.requireRoom(text.length());
          });
      return text.append('}').toString();
    }
    return value instanceof Long ? value.toString() : "<" + type(value) + ">";
  }

  /** As Python writes a float. */
  static String decimal(double number) {
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
    }
    double size = Math.abs(number);
    BigDecimal exact = new BigDecimal(Double.toString(number)).stripTrailingZeros();
    if (size == 0 || (size >= SMALLEST_PLAIN && size < LARGEST_PLAIN)) {
      String plain = exact.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    int exponent = exact.precision() - exact.scale() - 1;
    String digits = exact.movePointLeft(exponent).stripTrailingZeros().toPlainString();
    return "%se%s%02d".formatted(digits, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  static boolean isNumber(Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  static double number(Object value) {
    if (value instanceof Boolean truth) {
      return truth ? 1 : 0;
    }
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw refused(value, "a number");
  }

  static long integer(Object value) {
    if (value instanceof Boolean truth) {
      return truth ? 1 : 0;
    }
    if (value instanceof Long number) {
      return number;
    }
    throw refused(value, "a whole number");
  }

  static String requireText(Object value) {
    if (value instanceof String text) {
      return text;
    }
    throw refused(value, "a text");
  }

  private static TemplateFailure refused(Object value, String expected) {
    return value instanceof Undefined missing
        ? missing.failure()
        : TemplateFailure.of("it takes a %s for %s", type(value), expected);
  }

  /** Counts each comparison: a list may have the same list many times, and that another. */
  static boolean equal(Object one, Object other, Rendering rendering) {
    rendering.step();
    if (isNumber(one) && isNumber(other)) {
      boolean whole = one instanceof Long && other instanceof Long;
      return whole ? one.equals(other) : number(one) == number(other);
    }
    if (one instanceof List<?> left && other instanceof List<?> right) {
      boolean same = left.size() == right.size();
      for (int i = 0; same && i < left.size(); i++) {
        same = equal(left.get(i), right.get(i), rendering);
      }
      return same;
    }
    if (one instanceof Map<?, ?> left && other instanceof Map<?, ?> right) {
      return left.keySet().equals(right.keySet())
          && left.keySet().stream()
              .allMatch(key -> equal(left.get(key), right.get(key), rendering));
    }
    return Objects.equals(one, other);
  }

  /** Whether a dictionary can have it as a key: nothing with lists in it, as in Python. */
  static boolean isKey(Object value) {
    return value instanceof Tuple tuple
        ? tuple.stream().allMatch(Values::isKey)
        : !(value instanceof List<?> || value instanceof Map<?, ?>);
  }

  static Object requireKey(Object value) {
    if (!isKey(value)) {
      throw TemplateFailure.of("it takes a %s for a key of a dictionary", type(value));
    }
    return value;
  }

  /** What a loop goes over. */
  static List<Object> items(Object value) {
    if (value instanceof List<?> list) {
      return new ArrayList<>(list);
    }
    if (value instanceof Map<?, ?> map) {
      return new ArrayList<>(map.keySet());
    }
    if (value instanceof String text) {
      List<Object> letters = new ArrayList<>();
      text.codePoints().forEach(letter -> letters.add(Character.toString(letter)));
      return letters;
    }
    if (value instanceof Undefined) {
      return List.of();
    }
    throw TemplateFailure.of("it goes over a %s as if it were a list", type(value));
  }

  static long length(Object value) {
    if (value instanceof String text) {
      return text.codePointCount(0, text.length());
    }
    if (value instanceof List<?> list) {
      return list.size();
    }
    if (value instanceof Map<?, ?> map) {
      return map.size();
    }
    if (value instanceof Undefined) {
      return 0;
    }
    throw TemplateFailure.of("it asks for the length of a %s", type(value));
  }
}
