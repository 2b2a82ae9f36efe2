package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What operators do, as in Python: nothing becomes a text or a number by itself. */
final class Operators {
  private Operators() {}

  static Object compute(String operator, Object left, Object right, Rendering rendering) {
    if (Values.isNumber(left) && Values.isNumber(right)) {
      return left instanceof Double || right instanceof Double || operator.equals("/")
          ? decimal(operator, Values.number(left), Values.number(right))
          : whole(operator, Values.integer(left), Values.integer(right));
    }
    if (operator.equals("+") && left instanceof String one && right instanceof String other) {
      rendering.room((long) one.length() + other.length());
      return one + other;
    }
    if (operator.equals("+") && left instanceof List<?> one && right instanceof List<?> other) {
      rendering.roomForItems((long) one.size() + other.size());
      List<Object> all = new ArrayList<>(one);
      all.addAll(other);
      return all;
    }
    if (operator.equals("*") && right instanceof Long times) {
      return repeated(left, times, rendering);
    }
    if (operator.equals("*") && left instanceof Long times) {
      return repeated(right, times, rendering);
    }
    throw refused(operator, left, right);
  }

  private static Object repeated(Object value, long wanted, Rendering rendering) {
    long times = Math.max(0, wanted);
    if (value instanceof String text) {
      rendering.room(product(text.length(), times));
      return text.repeat((int) (text.isEmpty() ? 0 : times));
    }
    if (value instanceof List<?> list) {
      rendering.roomForItems(product(list.size(), times));
      List<Object> all = new ArrayList<>();
      for (long i = 0; i < times && !list.isEmpty(); i++) {
        all.addAll(list);
      }
      return all;
    }
    throw refused("*", value, wanted);
  }

  private static long product(long size, long times) {
    return size == 0 || times <= Long.MAX_VALUE / size ? size * times : Long.MAX_VALUE;
  }

  private static Object whole(String operator, long left, long right) {
    try {
      return switch (operator) {
        case "+" -> Math.addExact(left, right);
        case "-" -> Math.subtractExact(left, right);
        case "*" -> Math.multiplyExact(left, right);
        case "//" -> Math.floorDiv(left, right);
        case "%" -> Math.floorMod(left, right);
        default -> power(left, right);
      };
    } catch (ArithmeticException e) {
      throw TemplateFailure.of("it cannot compute %d %s %d", left, operator, right);
    }
  }

  private static Object power(long base, long exponent) {
    double power = Math.pow(base, exponent);
    return exponent >= 0 && Math.abs(power) < 1L << 52 ? (Object) (long) power : (Object) power;
  }

  private static Object decimal(String operator, double left, double right) {
    if (right == 0 && !"+-*".contains(operator) && !operator.equals("**")) {
      throw TemplateFailure.of("it divides by zero");
    }
    return switch (operator) {
      case "+" -> left + right;
      case "-" -> left - right;
      case "*" -> left * right;
      case "/" -> left / right;
      case "//" -> Math.floor(left / right);
      case "%" -> left - right * Math.floor(left / right);
      default -> Math.pow(left, right);
    };
  }

  static boolean compare(String operator, Object left, Object right, Rendering rendering) {
    return switch (operator) {
      case "==" -> Values.equal(left, right, rendering);
      case "!=" -> !Values.equal(left, right, rendering);
      case "in" -> contains(right, left, rendering);
      case "not in" -> !contains(right, left, rendering);
      case "<" -> order(left, right, rendering) < 0;
      case "<=" -> order(left, right, rendering) <= 0;
      case ">" -> order(left, right, rendering) > 0;
      default -> order(left, right, rendering) >= 0;
    };
  }

  static boolean contains(Object whole, Object part, Rendering rendering) {
    if (whole instanceof String text) {
      String searched = Values.requireText(part);
      rendering.search(text, searched);
      return text.contains(searched);
    }
    if (whole instanceof Map<?, ?> map) {
      return map.containsKey(Values.requireKey(part));
    }
    return Values.items(whole).stream().anyMatch(each -> Values.equal(each, part, rendering));
  }

  /** Negative where the first value comes before the second. */
  static int order(Object left, Object right, Rendering rendering) {
    rendering.step();
    if (Values.isNumber(left) && Values.isNumber(right)) {
      return Double.compare(Values.number(left), Values.number(right));
    }
    if (left instanceof String one && right instanceof String other) {
      return one.compareTo(other);
    }
    if (left instanceof List<?> one && right instanceof List<?> other) {
      for (int i = 0; i < Math.min(one.size(), other.size()); i++) {
        if (!Values.equal(one.get(i), other.get(i), rendering)) {
          return order(one.get(i), other.get(i), rendering);
        }
      }
      return Integer.compare(one.size(), other.size());
    }
    throw refused("<", left, right);
  }

  private static TemplateFailure refused(String operator, Object left, Object right) {
    for (Object each : List.of(left == null ? "" : left, right == null ? "" : right)) {
      if (each instanceof Undefined missing) {
        return missing.failure();
      }
    }
    return TemplateFailure.of(
        "it cannot compute %s %s %s", Values.type(left), operator, Values.type(right));
  }
}
