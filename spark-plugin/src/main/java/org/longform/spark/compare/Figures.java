package org.longform.spark.compare;

import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.DoubleFunction;

/** Numbers as people read them; missing ones are a dash. */
final class Figures {
  private static final String[] BYTES = {"B", "KiB", "MiB", "GiB", "TiB"};
  private static final String[] COUNTS = {"", "k", "M", "G", "T"};

  private Figures() {}

  static String text(OptionalDouble value, DoubleFunction<String> format) {
    return value.isPresent() ? format.apply(value.getAsDouble()) : "–";
  }

  static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f %%", 100 * share);
  }

  /** Three digits that count: 0.0123, 1.23, 12.3, 123, 1.2e+06. */
  static String number(double value) {
    double size = Math.abs(value);
    if (value == 0) {
      return "0";
    }
    return String.format(
        Locale.ROOT,
        size >= 1e6 || size < 1e-3 ? "%.1e" : size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.3g",
        value);
  }

  static String whole(double value) {
    return String.format(Locale.ROOT, "%.0f", value);
  }

  /** 2.00 as 2 and 0.500 as 0.5, for marks that are round anyway. */
  static String withoutZeros(String number) {
    return number.replaceFirst("(\\.\\d*?)0+(?!\\d)", "$1").replaceFirst("\\.(?!\\d)", "");
  }

  static String seconds(double value) {
    return number(value) + " s";
  }

  static String count(double value) {
    return scaled(value, 1000, COUNTS);
  }

  static String bytes(double value) {
    return scaled(value, 1024, BYTES);
  }

  private static String scaled(double value, double step, String[] units) {
    int unit = 0;
    double rest = value;
    while (rest >= step && unit < units.length - 1) {
      rest /= step;
      unit++;
    }
    String digits = String.format(Locale.ROOT, rest < 10 && unit > 0 ? "%.1f" : "%.0f", rest);
    return units[unit].isEmpty() ? digits : digits + " " + units[unit];
  }
}
