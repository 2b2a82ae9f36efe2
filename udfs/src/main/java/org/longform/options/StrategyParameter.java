package org.longform.options;

import java.util.List;
import java.util.function.Predicate;

/**
 * One parameter of one context strategy, as the strategy declares it. {@link
 * ContextOptions#declare} turns a list of these into options; parameters of the same name share one
 * option.
 *
 * @param strategy the strategy's name, {@code lm-infinite}
 * @param name the parameter's name in kebab case, {@code local-size}
 * @param choices the allowed texts of a {@link Kind#CHOICE}, else empty
 * @param defaultText the value the strategy takes where the option is absent, or a word on how it
 *     is derived ("model window")
 * @param demand completes "it ..." where the check fails: "must be positive"
 */
public record StrategyParameter(
    String strategy,
    String name,
    String doc,
    Kind kind,
    List<String> choices,
    String defaultText,
    Predicate<Double> check,
    String demand) {

  /** The type of a parameter. */
  public enum Kind {
    INTEGER,
    DECIMAL,
    CHOICE
  }

  public StrategyParameter {
    choices = List.copyOf(choices);
  }

  /** A whole number of at least {@code least}. */
  public static StrategyParameter integer(
      String strategy, String name, long least, String defaultText, String doc) {
    return new StrategyParameter(
        strategy,
        name,
        doc,
        Kind.INTEGER,
        List.of(),
        defaultText,
        value -> value >= least,
        "must be at least " + least);
  }

  /** One of several words. */
  public static StrategyParameter choice(
      String strategy, String name, List<String> choices, String defaultText, String doc) {
    return new StrategyParameter(
        strategy, name, doc, Kind.CHOICE, choices, defaultText, value -> true, "");
  }
}
