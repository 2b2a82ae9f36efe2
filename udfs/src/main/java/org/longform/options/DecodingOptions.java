package org.longform.options;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.longform.decoding.DecodingStrategies;
import org.longform.decoding.DecodingStrategy;

/** How the tokens of an answer come out. Options as those of {@link ContextOptions}. */
public final class DecodingOptions {
  private static final StrategyParameters PARAMETERS =
      new StrategyParameters(
          "decoding",
          DecodingStrategies.ALL.stream()
              .flatMap(
                  strategy ->
                      strategy.parameters().stream()
                          .map(
                              parameter ->
                                  new StrategyParameters.Declared(strategy.name(), parameter)))
              .toList());

  public static final Option<String> DECODING =
      Option.choice(
              "decoding", DecodingStrategies.ALL.stream().map(DecodingStrategy::name).toList())
          .doc(
              "The decoding strategy: whether tokens are guessed, so that several are read in one step.")
          .defaultValue("plain");

  static final OptionGroup GROUP =
      new OptionGroup(
          "Decoding",
          "How the tokens of an answer come out. A parameter counts for the strategies its text"
              + " names; giving one that the chosen strategy does not know is an error.",
          Stream.concat(Stream.<Option<?>>of(DECODING), PARAMETERS.options().stream()).toList());

  private DecodingOptions() {}

  /** Those of the parameters that name models, as the option {@code model} does. */
  public static List<Option<String>> models() {
    return DecodingStrategies.ALL.stream()
        .flatMap(strategy -> strategy.models().stream())
        .map(PARAMETERS::textOption)
        .toList();
  }

  /** As {@link ContextOptions#parametersOf}. */
  public static Map<String, String> parametersOf(Options options) {
    return PARAMETERS.of(options, DECODING);
  }
}
