package org.longform.prompt;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;

/**
 * Functions that Transformers gives to chat templates. Public only because the engine asks for it.
 */
public final class TemplateFunctions {
  /** The clock of the rendering that is going on in this thread. */
  static final ThreadLocal<Clock> CLOCK = ThreadLocal.withInitial(Clock::systemUTC);

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

  private TemplateFunctions() {}

  /** Ends the rendering with the template's own words. */
  public static Object raiseException(Object message) {
    throw new TemplateFailure("it refuses the messages ('" + message + "')");
  }

  /** The time, in UTC, in Python's notation: {@code %d %b %Y}. */
  public static String strftimeNow(String format) {
    ZonedDateTime now = ZonedDateTime.now(CLOCK.get());
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        text.append(c);
        continue;
      }
      char directive = format.charAt(++i);
      if (directive == '%') {
        text.append('%');
      } else if (PATTERNS.containsKey(directive)) {
        text.append(
            DateTimeFormatter.ofPattern(PATTERNS.get(directive), Locale.ENGLISH).format(now));
      } else {
        throw new TemplateFailure("strftime_now does not know '%" + directive + "'");
      }
    }
    return text.toString();
  }
}
