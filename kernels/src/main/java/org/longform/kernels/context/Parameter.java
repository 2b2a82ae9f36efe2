package org.longform.kernels.context;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.longform.kernels.method.MethodParameter;

/**
 * A parameter of a strategy, declared once. Command line flags, Spark conf keys, SQL options and
 * docs follow from the declaration.
 *
 * @param name words joined by hyphens; strategies that mean the same use the same name
 * @param doc one sentence
 * @param type what values look like
 * @param choices the words of a {@link Type#CHOICE}, else empty
 * @param defaultText the default as the docs tell it, for example "a 32nd of the trained window"
 * @param defaultValue the default for a model
 * @param minimum smallest number allowed
 */
public record Parameter(
    String name,
    String doc,
    Type type,
    List<String> choices,
    String defaultText,
    Function<ModelLimits, Object> defaultValue,
    long minimum)
    implements MethodParameter {

  /** Largest whole number a user may write: lengths and counts of one block stay ints. */
  private static final long LARGEST = Integer.MAX_VALUE;

  /**
   * Kind of value: whole number, one of some words, decimal number, or any text (a file's path, or
   * what the model reads).
   */
  public enum Type {
    INTEGER,
    DECIMAL,
    CHOICE,
    TEXT
  }

  public static Parameter integer(
      String name,
      String doc,
      String defaultText,
      Function<ModelLimits, Long> value,
      long minimum) {
    return new Parameter(
        name, doc, Type.INTEGER, List.of(), defaultText, value.andThen(v -> (Object) v), minimum);
  }

  /** A finite number that need not be whole. */
  public static Parameter decimal(
      String name,
      String doc,
      String defaultText,
      Function<ModelLimits, Double> value,
      long minimum) {
    return new Parameter(
        name, doc, Type.DECIMAL, List.of(), defaultText, value.andThen(v -> (Object) v), minimum);
  }

  /** A number with the same default for all models. */
  public static Parameter decimal(String name, String doc, double defaultValue, long minimum) {
    return decimal(name, doc, Double.toString(defaultValue), limits -> defaultValue, minimum);
  }

  public static Parameter choice(String name, String doc, String defaultValue, String... choices) {
    return new Parameter(
        name, doc, Type.CHOICE, List.of(choices), defaultValue, limits -> defaultValue, 0);
  }

  /** A text without a default: nothing is written as an empty text. */
  public static Parameter text(String name, String doc) {
    return new Parameter(name, doc, Type.TEXT, List.of(), "none", limits -> "", 0);
  }

  /** A text that the model reads, see {@link ParameterValues#tokens}; the same for all models. */
  public static Parameter text(String name, String doc, String defaultText, String defaultValue) {
    return new Parameter(name, doc, Type.TEXT, List.of(), defaultText, limits -> defaultValue, 0);
  }

  @Override
  public String expectation() {
    return switch (type) {
      case INTEGER -> "a whole number that must be at least " + minimum;
      case DECIMAL -> "a number that must be at least " + minimum;
      case CHOICE -> "one of " + String.join(", ", choices);
      case TEXT -> "a text";
    };
  }

  /** Why a value as written by a user is refused, as part of a sentence; empty if it is fine. */
  public Optional<String> refusal(String text) {
    switch (type) {
      case CHOICE:
        return choices.contains(text)
            ? Optional.empty()
            : Optional.of("expected one of " + String.join(", ", choices));
      case TEXT:
        return Optional.empty();
      case INTEGER:
        try {
          long number = Long.parseLong(text.trim());
          if (number < minimum) {
            return Optional.of("must be at least " + minimum);
          }
          return number <= LARGEST ? Optional.empty() : Optional.of("must be at most " + LARGEST);
        } catch (NumberFormatException e) {
          return Optional.of("expected a whole number");
        }
      default:
        try {
          double number = Double.parseDouble(text.trim());
          if (!Double.isFinite(number)) {
            return Optional.of("expected a finite number");
          }
          return number >= minimum ? Optional.empty() : Optional.of("must be at least " + minimum);
        } catch (NumberFormatException e) {
          return Optional.of("expected a number");
        }
    }
  }
}
