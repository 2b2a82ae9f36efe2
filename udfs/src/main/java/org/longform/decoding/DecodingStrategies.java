package org.longform.decoding;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The list of decoding strategies. To add one: one file, one line here. */
public final class DecodingStrategies {
  public static final DecodingStrategy PLAIN = new PlainDecoding();

  public static final List<DecodingStrategy> ALL =
      List.of(PLAIN, new Lookahead(), new PromptLookup(), new DraftModel(), new LlmToSlm());

  private DecodingStrategies() {}

  /**
   * @throws LongformException INVALID_OPTION listing the known names
   */
  public static DecodingStrategy byName(String name) {
    return ALL.stream()
        .filter(strategy -> strategy.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use decoding '%s': it is unknown (known: %s)."
                        .formatted(
                            name,
                            ALL.stream()
                                .map(DecodingStrategy::name)
                                .collect(Collectors.joining(", ")))));
  }

  /**
   * The checked parameters of a strategy.
   *
   * @param given as users write them
   * @throws LongformException INVALID_OPTION for a value that is refused
   */
  public static ParameterValues values(
      DecodingStrategy strategy, Map<String, String> given, ModelLimits limits) {
    return ParameterValues.resolve(
        "decoding", strategy.name(), strategy.parameters(), given, limits);
  }

  /**
   * The name of one of {@link DecodingStrategy#models}.
   *
   * @param given parameters as users write them
   * @throws LongformException INVALID_OPTION if it is missing
   */
  public static String requireModel(
      DecodingStrategy strategy, String parameter, Map<String, String> given) {
    String name = given.getOrDefault(parameter, "");
    if (name.isBlank()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use decoding '%s': option '%s' is missing. Give it, or choose decoding 'plain'."
              .formatted(strategy.name(), parameter.replace('-', '_')));
    }
    return name;
  }

  /**
   * Makes sure that a context can take back what is guessed.
   *
   * @param contextName as the user chose it
   * @throws LongformException INVALID_OPTION if it cannot
   */
  public static void requireFits(
      DecodingStrategy strategy, String contextName, ContextStrategy context) {
    if (strategy.guesses() && !context.mayBranch()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use decoding '%s' with context '%s': this context remembers what it has seen, so it could not forget a wrong guess. Use decoding 'plain', or another context."
              .formatted(strategy.name(), contextName));
    }
  }
}
