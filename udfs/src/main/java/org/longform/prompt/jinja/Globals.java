package org.longform.prompt.jinja;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The list of functions that are there without a value: Jinja2's and those of Transformers. */
final class Globals {
  static final Map<String, TemplateFunction> ALL =
      Map.of(
          "range", Globals::range,
          "dict", (given, rendering) -> dictionary(given),
          "namespace", (given, rendering) -> new Namespace(named(given)),
          "raise_exception", (given, rendering) -> raise(given),
          "strftime_now", (given, rendering) -> now(given.text(0, "format"), rendering));

  private static final Map<Character, String> PATTERNS =
      Map.ofEntries(
          Map.entry('a', "EEE"),
          Map.entry('A', "EEEE"),
          Map.entry('b', "MMM"),
          Map.entry('B', "MMMM"),
          Map.entry('d', "dd"),
          Map.entry('H', "HH"),
          Map.entry('I', "hh"),
          Map.entry('j', "DDD"),
          Map.entry('m', "MM"),
          Map.entry('M', "mm"),
          Map.entry('p', "a"),
          Map.entry('S', "ss"),
          Map.entry('y', "yy"),
          Map.entry('Y', "yyyy"));

  private Globals() {}

  private static Object range(Arguments given, Rendering rendering) {
    long first = given.size() > 1 ? Values.integer(given.positional().get(0)) : 0;
    long end = Values.integer(given.require(given.size() > 1 ? 1 : 0, "stop"));
    long step = given.integer(2, "step", 1);
    if (step == 0) {
      throw new TemplateFailure("it takes a range with step 0");
    }
    List<Object> numbers = new ArrayList<>();
    for (long i = first; step > 0 ? i < end : i > end; i += step) {
      numbers.add(i);
      rendering.roomForItems(numbers.size());
    }
    return numbers;
  }

  private static Map<String, Object> named(Arguments given) {
    Map<String, Object> attributes = new LinkedHashMap<>();
    if (given.size() > 0 && given.positional().get(0) instanceof Map<?, ?> map) {
      map.forEach((key, value) -> attributes.put(Values.text(key), value));
    }
    attributes.putAll(given.named());
    return attributes;
  }

  private static Object dictionary(Arguments given) {
    return new LinkedHashMap<Object, Object>(named(given));
  }

  /** Ends the rendering with the template's own words. */
  private static Object raise(Arguments given) {
    throw new Refusal(Values.text(given.get(0, "message", "")));
  }

  /** The time, in UTC, in Python's notation: {@code %d %b %Y}. */
  private static String now(String format, Rendering rendering) {
    ZonedDateTime now = ZonedDateTime.now(rendering.clock());
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        text.append(c);
        continue;
      }
      char directive = format.charAt(++i);
      if (directive == '-' && i + 1 < format.length()) {
        // without leading zeros
        text.append(field(format.charAt(++i), now).replaceFirst("^0+(?=.)", ""));
      } else {
        text.append(directive == '%' ? "%" : field(directive, now));
      }
    }
    return text.toString();
  }

  private static String field(char directive, ZonedDateTime now) {
    String pattern = PATTERNS.get(directive);
    if (pattern == null) {
      throw TemplateFailure.of("strftime_now does not know '%s'", "%" + directive);
    }
    return DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(now);
  }
}
