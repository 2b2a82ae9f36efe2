package org.longform.bench.table;

import java.util.Locale;

/**
 * What a figure must reach and what it aims at.
 *
 * @param measure what is compared with them
 * @param must the least, NaN for none
 * @param aim likewise
 */
public record Target(Measure measure, double must, double aim) {
  /** How the two are to be read. */
  public enum Measure {
    /** Ours over the best peer's. */
    RATIO {
      @Override
      String show(double value) {
        return String.format(Locale.ROOT, "%.2f ×", value);
      }
    },
    /** A share of what the machine can do. */
    SHARE {
      @Override
      String show(double value) {
        return String.format(Locale.ROOT, "%.0f%%", 100 * value);
      }
    },
    /** A share of what may change: less is better. */
    CHANGE {
      @Override
      String show(double value) {
        return String.format(Locale.ROOT, "%.1f%%", 100 * value);
      }
    };

    abstract String show(double value);
  }

  public static Target ratio(double must, double aim) {
    return new Target(Measure.RATIO, must, aim);
  }

  public static Target share(double must, double aim) {
    return new Target(Measure.SHARE, must, aim);
  }

  public static Target change(double must) {
    return new Target(Measure.CHANGE, must, Double.NaN);
  }

  String mark(double value) {
    if (Double.isNaN(value)) {
      return "";
    }
    if (reaches(value, aim)) {
      return "aim";
    }
    return Double.isNaN(must) ? "" : reaches(value, must) ? "yes" : "no";
  }

  private boolean reaches(double value, double target) {
    return measure == Measure.CHANGE ? value <= target : value >= target;
  }
}
