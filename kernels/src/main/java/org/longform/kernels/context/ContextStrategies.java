package org.longform.kernels.context;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The list of context strategies. To add one: one file, one line here. */
public final class ContextStrategies {
  public static final List<ContextFactory> ALL =
      List.of(
          FullContext.FACTORY,
          Streaming.FACTORY,
          LmInfinite.FACTORY,
          ReAttention.FACTORY,
          InfLlm.FACTORY,
          SirLlm.FACTORY,
          InfiniPot.FACTORY,
          InfiniteHip.FACTORY,
          ShiftedRotary.FACTORY,
          Mesa.FACTORY,
          MsPoe.FACTORY,
          Clex.FACTORY);

  private ContextStrategies() {}

  /**
   * @throws LongformException INVALID_OPTION listing the known names
   */
  public static ContextFactory byName(String name) {
    return ALL.stream()
        .filter(factory -> factory.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use context '%s': it is unknown (known: %s)."
                        .formatted(
                            name,
                            ALL.stream()
                                .map(ContextFactory::name)
                                .collect(Collectors.joining(", ")))));
  }

  /**
   * A strategy to look at, not to read with unless it has no text among its parameters: instead of
   * a text's tokens it gets {@link TextTokens#ESTIMATE}.
   */
  public static ContextStrategy create(String name, Map<String, String> given, ModelLimits limits) {
    return create(name, given, limits, TextTokens.ESTIMATE);
  }

  /** A strategy for one document, its parameters as users write them. */
  public static ContextStrategy create(
      String name, Map<String, String> given, ModelLimits limits, TextTokens tokenizer) {
    return ContextChoice.of(name, given, limits, tokenizer).example();
  }
}
