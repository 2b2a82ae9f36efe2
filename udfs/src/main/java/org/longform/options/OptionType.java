package org.longform.options;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How the text of an option becomes a value and back. {@code parse(format(v))} equals {@code v}.
 *
 * @param expected what the text must be, as it reads in an error sentence: "a whole number"
 * @param parse throws {@link IllegalArgumentException} where the text is not as expected
 */
public record OptionType<T>(
    String expected, Function<String, T> parse, Function<T, String> format, Arity arity) {

  /** How often a command line may give the option. */
  public enum Arity {
    ONCE,
    /** Repeated flags add up to a list. */
    REPEATED
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  static final OptionType<Integer> INTEGER =
      scalar("a whole number", text -> Integer.parseInt(text.strip()));

  static final OptionType<Long> LONG =
      scalar("a whole number", text -> Long.parseLong(text.strip()));

  static final OptionType<Double> DOUBLE = scalar("a decimal number", OptionType::parseDouble);

  static final OptionType<Boolean> BOOLEAN = scalar("true or false", OptionType::parseBoolean);

  /** Bytes with an optional unit of 1024, 1024² and so on; the largest number is no limit. */
  static final OptionType<Long> BYTES =
      new OptionType<>(
          "a size such as 512m or 4g, or unlimited",
          OptionType::parseBytes,
          OptionType::formatBytes,
          Arity.ONCE);

  /** A time with its unit, as Spark's own settings have it. */
  static final OptionType<Duration> DURATION =
      new OptionType<>(
          "a duration such as 90s, 5m or 2h",
          OptionType::parseDuration,
          OptionType::formatDuration,
          Arity.ONCE);

  static final OptionType<String> TEXT = scalar("a text", Function.identity());

  static final OptionType<List<String>> TEXTS =
      new OptionType<>(
          "a text or a JSON array of texts",
          OptionType::parseTexts,
          OptionType::formatTexts,
          Arity.REPEATED);

  static OptionType<String> choice(List<String> choices) {
    List<String> known = List.copyOf(choices);
    return scalar(
        "one of " + String.join(", ", known),
        text ->
            known.stream()
                .filter(choice -> choice.equalsIgnoreCase(text.strip()))
                .findFirst()
                .orElseThrow(IllegalArgumentException::new));
  }

  private static <T> OptionType<T> scalar(String expected, Function<String, T> parse) {
    return new OptionType<>(expected, parse, String::valueOf, Arity.ONCE);
  }

  private static double parseDouble(String text) {
    double value = Double.parseDouble(text.strip());
    // Java also reads "NaN", "Infinity" and "1d": no option means those
    if (!Double.isFinite(value) || !text.strip().matches("[-+0-9.eE]+")) {
      throw new IllegalArgumentException();
    }
    return value;
  }

  private static final String UNLIMITED = "unlimited";
  private static final String UNITS = "kmgt";
  private static final Pattern SIZE = Pattern.compile("(\\d+)\\s*(?:([kmgt])i?)?b?");
  // so few digits that no unit exceeds what a Duration holds
  private static final Pattern TIME = Pattern.compile("(\\d{1,8})\\s*(ms|s|m|min|h|d)");

  private static long parseBytes(String text) {
    String size = text.strip().toLowerCase(Locale.ROOT);
    if (size.equals(UNLIMITED)) {
      return Long.MAX_VALUE;
    }
    Matcher matcher = SIZE.matcher(size);
    if (!matcher.matches()) {
      throw new IllegalArgumentException();
    }
    long number = Long.parseLong(matcher.group(1));
    int power = matcher.group(2) == null ? 0 : UNITS.indexOf(matcher.group(2)) + 1;
    if (number > Long.MAX_VALUE >> (10 * power)) {
      throw new IllegalArgumentException();
    }
    return number << (10 * power);
  }

  private static String formatBytes(long bytes) {
    if (bytes == Long.MAX_VALUE) {
      return UNLIMITED;
    }
    int power = bytes == 0 ? 0 : Math.min(UNITS.length(), Long.numberOfTrailingZeros(bytes) / 10);
    return (bytes >> (10 * power)) + (power == 0 ? "" : UNITS.substring(power - 1, power));
  }

  private static Duration parseDuration(String text) {
    Matcher matcher = TIME.matcher(text.strip().toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw new IllegalArgumentException();
    }
    ChronoUnit unit =
        switch (matcher.group(2)) {
          case "ms" -> ChronoUnit.MILLIS;
          case "s" -> ChronoUnit.SECONDS;
          case "m", "min" -> ChronoUnit.MINUTES;
          case "h" -> ChronoUnit.HOURS;
          default -> ChronoUnit.DAYS;
        };
    return Duration.of(Long.parseLong(matcher.group(1)), unit);
  }

  private static String formatDuration(Duration time) {
    if (time.toMillisPart() != 0) {
      return time.toMillis() + "ms";
    }
    if (time.toSecondsPart() != 0 || time.isZero()) {
      return time.toSeconds() + "s";
    }
    if (time.toMinutesPart() != 0) {
      return time.toMinutes() + "m";
    }
    return time.toHoursPart() != 0 ? time.toHours() + "h" : time.toDays() + "d";
  }

  private static boolean parseBoolean(String text) {
    return switch (text.strip().toLowerCase(Locale.ROOT)) {
      case "true", "on", "yes", "1" -> true;
      case "false", "off", "no", "0" -> false;
      default -> throw new IllegalArgumentException();
    };
  }

  private static List<String> parseTexts(String text) {
    if (!text.stripLeading().startsWith("[")) {
      return List.of(text);
    }
    try {
      List<String> texts = new ArrayList<>();
      for (Object each : JSON.readValue(text, Object[].class)) {
        if (!(each instanceof String item)) {
          throw new IllegalArgumentException();
        }
        texts.add(item);
      }
      return List.copyOf(texts);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  static String formatTexts(List<String> texts) {
    try {
      return JSON.writeValueAsString(texts);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a list of texts is always JSON", e);
    }
  }
}
