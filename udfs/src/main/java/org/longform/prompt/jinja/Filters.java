package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The list of filters: what may stand behind a bar. */
final class Filters {
  /** One of them. */
  @FunctionalInterface
  interface Filter {
    Object apply(Object value, Arguments arguments, Rendering rendering);
  }

  static final Map<String, Filter> ALL =
      Map.ofEntries(
          Map.entry("abs", (value, given, rendering) -> abs(value)),
          Map.entry(
              "attr", (value, given, rendering) -> Access.attribute(value, given.text(0, "name"))),
          Map.entry("capitalize", text(TextMethods::capitalize)),
          Map.entry("center", Filters::center),
          Map.entry("count", (value, given, rendering) -> Values.length(value)),
          Map.entry("d", (value, given, rendering) -> otherwise(value, given)),
          Map.entry("default", (value, given, rendering) -> otherwise(value, given)),
          Map.entry("dictsort", Filters::sortedItems),
          Map.entry("e", text(Filters::escape)),
          Map.entry("escape", text(Filters::escape)),
          Map.entry("first", (value, given, rendering) -> end(value, true)),
          Map.entry("float", (value, given, rendering) -> decimal(value, given)),
          Map.entry("indent", Filters::indent),
          Map.entry("int", (value, given, rendering) -> integer(value, given)),
          Map.entry("items", (value, given, rendering) -> items(value)),
          Map.entry("join", Filters::join),
          Map.entry("last", (value, given, rendering) -> end(value, false)),
          Map.entry("length", (value, given, rendering) -> Values.length(value)),
          Map.entry("list", (value, given, rendering) -> Values.items(value)),
          Map.entry("lower", text(text -> text.toLowerCase(Locale.ROOT))),
          Map.entry("map", Filters::map),
          Map.entry(
              "max",
              (value, given, rendering) -> extreme(value, given, rendering, Collections::max)),
          Map.entry(
              "min",
              (value, given, rendering) -> extreme(value, given, rendering, Collections::min)),
          Map.entry("reject", (value, given, rendering) -> chosen(value, given, rendering, false)),
          Map.entry(
              "rejectattr", (value, given, rendering) -> chosenBy(value, given, rendering, false)),
          Map.entry("replace", Filters::replace),
          Map.entry("reverse", (value, given, rendering) -> reverse(value)),
          Map.entry("round", (value, given, rendering) -> round(value, given)),
          Map.entry("safe", text(text -> text)),
          Map.entry("select", (value, given, rendering) -> chosen(value, given, rendering, true)),
          Map.entry(
              "selectattr", (value, given, rendering) -> chosenBy(value, given, rendering, true)),
          Map.entry("sort", Filters::sorted),
          Map.entry("string", text(text -> text)),
          Map.entry("sum", Filters::sum),
          Map.entry("title", text(Filters::title)),
          Map.entry("tojson", (value, given, rendering) -> Json.text(value, given)),
          Map.entry(
              "trim", (value, given, rendering) -> TextMethods.strip(Values.text(value), given)),
          Map.entry("unique", Filters::unique),
          Map.entry("upper", text(text -> text.toUpperCase(Locale.ROOT))));

  private Filters() {}

  /**
   * @throws TemplateFailure for a name that is not in the list
   */
  static Filter named(String name) {
    return Optional.ofNullable(ALL.get(name))
        .orElseThrow(() -> TemplateFailure.of("it uses the filter '%s', which is unknown", name));
  }

  private static Filter text(Function<String, String> change) {
    return (value, given, rendering) -> change.apply(Values.text(value));
  }

  private static Object abs(Object value) {
    return value instanceof Double number
        ? (Object) Math.abs(number)
        : (Object) Math.abs(Values.integer(value));
  }

  private static Object center(Object value, Arguments given, Rendering rendering) {
    String text = Values.text(value);
    long width = given.integer(0, "width", 80);
    rendering.room(width);
    int missing = (int) Math.max(0, width - text.codePointCount(0, text.length()));
    int left = missing / 2 + (missing & (int) width & 1);
    return " ".repeat(left) + text + " ".repeat(missing - left);
  }

  private static Object otherwise(Object value, Arguments given) {
    boolean replaced =
        value instanceof Undefined || (given.truth(1, "boolean", false) && !Values.truth(value));
    return replaced ? given.get(0, "default_value", "") : value;
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  private static Object end(Object value, boolean first) {
    List<Object> items = Values.items(value);
    if (items.isEmpty()) {
      return new Undefined("an item of an empty list");
    }
    return items.get(first ? 0 : items.size() - 1);
  }

  private static Object decimal(Object value, Arguments given) {
    try {
      return value instanceof String text ? Double.valueOf(text.strip()) : Values.number(value);
    } catch (NumberFormatException | TemplateFailure e) {
      return given.get(0, "default", 0.0);
    }
  }

  private static Object integer(Object value, Arguments given) {
    try {
      return value instanceof String text
          ? (long) Double.parseDouble(text.strip())
          : (long) Values.number(value);
    } catch (NumberFormatException | TemplateFailure e) {
      return given.get(0, "default", 0L);
    }
  }

  private static Object indent(Object value, Arguments given, Rendering rendering) {
    Object width = given.get(0, "width", 4L);
    if (!(width instanceof String)) {
      rendering.room(Values.integer(width));
    }
    String indention =
        width instanceof String text ? text : " ".repeat((int) Math.max(0, Values.integer(width)));
    boolean blank = given.truth(2, "blank", false);
    StringBuilder indented = new StringBuilder(given.truth(1, "first", false) ? indention : "");
    String[] lines = Values.text(value).split("\n", -1);
    for (int i = 0; i < lines.length; i++) {
      if (i > 0) {
        indented.append('\n').append(blank || !lines[i].isEmpty() ? indention : "");
      }
      indented.append(lines[i]);
      rendering.room(indented.length());
    }
    return indented.toString();
  }

  private static Object items(Object value) {
    if (value instanceof Map<?, ?> map) {
      return Methods.items(map);
    }
    if (value instanceof Undefined) {
      return List.of();
    }
    throw TemplateFailure.of("it asks for the items of a %s", Values.type(value));
  }

  private static Object join(Object value, Arguments given, Rendering rendering) {
    String separator = Values.text(given.get(0, "d", ""));
    Function<Object, Object> attribute = attribute(given.get(1, "attribute", null));
    StringBuilder text = new StringBuilder();
    boolean first = true;
    for (Object each : Values.items(value)) {
      text.append(first ? "" : separator).append(Values.text(attribute.apply(each)));
      rendering.room(text.length());
      first = false;
    }
    return text.toString();
  }

  /** The attribute of that name, with points between names and places; or the value itself. */
  private static Function<Object, Object> attribute(Object name) {
    if (name == null) {
      return value -> value;
    }
    return value -> {
      Object found = value;
      for (String part : Values.text(name).split("\\.")) {
        boolean place = !part.isEmpty() && part.chars().allMatch(c -> c >= '0' && c <= '9');
        found = Access.item(found, place && part.length() < 9 ? (Object) Long.valueOf(part) : part);
      }
      return found;
    };
  }

  private static Object map(Object value, Arguments given, Rendering rendering) {
    Function<Object, Object> mapping;
    if (given.size() > 0) {
      Filter filter = named(given.text(0, "filter"));
      mapping = each -> filter.apply(each, given.rest(), rendering);
    } else {
      Function<Object, Object> attribute = attribute(given.require(1, "attribute"));
      mapping =
          each -> {
            Object found = attribute.apply(each);
            return found instanceof Undefined && given.has(1, "default")
                ? given.get(1, "default", null)
                : found;
          };
    }
    List<Object> mapped = new ArrayList<>();
    for (Object each : Values.items(value)) {
      rendering.step();
      mapped.add(rendering.made(mapping.apply(each)));
    }
    return mapped;
  }

  private static Object chosen(Object value, Arguments given, Rendering rendering, boolean wanted) {
    return filtered(value, each -> each, given, rendering, wanted);
  }

  private static Object chosenBy(
      Object value, Arguments given, Rendering rendering, boolean wanted) {
    return filtered(
        value, attribute(given.require(0, "attribute")), given.rest(), rendering, wanted);
  }

  /** Those of which the test holds, or that are true where no test is given. */
  private static Object filtered(
      Object value,
      Function<Object, Object> tested,
      Arguments given,
      Rendering rendering,
      boolean wanted) {
    Tests.Test test =
        given.size() == 0
            ? (each, arguments, current) -> Values.truth(each)
            : Tests.named(given.text(0, "test"));
    List<Object> chosen = new ArrayList<>();
    for (Object each : Values.items(value)) {
      rendering.step();
      if (test.holds(tested.apply(each), given.rest(), rendering) == wanted) {
        chosen.add(each);
      }
    }
    return chosen;
  }

  private static Object replace(Object value, Arguments given, Rendering rendering) {
    return TextMethods.replace(Values.text(value), given, rendering);
  }

  private static Object reverse(Object value) {
    if (value instanceof String text) {
      return new StringBuilder(text).reverse().toString();
    }
    List<Object> items = Values.items(value);
    List<Object> reversed = new ArrayList<>(items);
    Collections.reverse(reversed);
    return reversed;
  }

  private static Object round(Object value, Arguments given) {
    double scale = Math.pow(10, given.integer(0, "precision", 0));
    double scaled = Values.number(value) * scale;
    double rounded =
        switch (Values.text(given.get(1, "method", "common"))) {
          case "ceil" -> Math.ceil(scaled);
          case "floor" -> Math.floor(scaled);
          default -> Math.rint(scaled);
        };
    return rounded / scale;
  }

  /** Texts are compared without their case unless that is asked for. */
  private static Comparator<Object> order(Arguments given, int place, Rendering rendering) {
    boolean exact = given.truth(place, "case_sensitive", false);
    Function<Object, Object> attribute = attribute(given.named().get("attribute"));
    return (one, other) ->
        Operators.order(
            folded(attribute.apply(one), exact), folded(attribute.apply(other), exact), rendering);
  }

  private static Object folded(Object value, boolean exact) {
    return !exact && value instanceof String text ? text.toLowerCase(Locale.ROOT) : value;
  }

  private static Object sorted(Object value, Arguments given, Rendering rendering) {
    Comparator<Object> order = order(given, 1, rendering);
    List<Object> items = new ArrayList<>(Values.items(value));
    items.sort(given.truth(0, "reverse", false) ? order.reversed() : order);
    return items;
  }

  private static Object sortedItems(Object value, Arguments given, Rendering rendering) {
    boolean exact = given.truth(0, "case_sensitive", false);
    long part = Values.text(given.get(1, "by", "key")).equals("value") ? 1 : 0;
    Comparator<Object> order =
        (one, other) ->
            Operators.order(
                folded(Access.item(one, part), exact),
                folded(Access.item(other, part), exact),
                rendering);
    List<Object> items = Values.items(items(value));
    items.sort(given.truth(2, "reverse", false) ? order.reversed() : order);
    return items;
  }

  /** Picks one of the items in their order. */
  @FunctionalInterface
  private interface Pick {
    Object of(List<Object> items, Comparator<Object> order);
  }

  private static Object extreme(Object value, Arguments given, Rendering rendering, Pick pick) {
    List<Object> items = Values.items(value);
    return items.isEmpty()
        ? new Undefined("the extreme of an empty list")
        : pick.of(items, order(given, 0, rendering));
  }

  private static Object unique(Object value, Arguments given, Rendering rendering) {
    boolean exact = given.truth(0, "case_sensitive", false);
    Function<Object, Object> attribute = attribute(given.get(1, "attribute", null));
    List<Object> seen = new ArrayList<>();
    List<Object> unique = new ArrayList<>();
    for (Object each : Values.items(value)) {
      rendering.step();
      Object key = folded(attribute.apply(each), exact);
      if (seen.stream().noneMatch(other -> Values.equal(other, key, rendering))) {
        seen.add(key);
        unique.add(each);
      }
    }
    return unique;
  }

  private static Object sum(Object value, Arguments given, Rendering rendering) {
    Function<Object, Object> attribute = attribute(given.get(0, "attribute", null));
    Object sum = given.get(1, "start", 0L);
    for (Object each : Values.items(value)) {
      rendering.step();
      sum = Operators.compute("+", sum, attribute.apply(each), rendering);
    }
    return sum;
  }

  /** Words begin behind white space, hyphens and opening brackets. */
  private static String title(String text) {
    StringBuilder titled = new StringBuilder();
    boolean begins = true;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      titled.append(begins ? Character.toUpperCase(c) : Character.toLowerCase(c));
      begins = Character.isWhitespace(c) || "-({[<".indexOf(c) >= 0;
    }
    return titled.toString();
  }
}
