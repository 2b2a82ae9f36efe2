package org.longform.kernels.context;

import java.util.Map;
import org.longform.kernels.error.LongformException;

/**
 * A context strategy and its parameters, checked for one model: made once, for all documents that
 * are read so. Threads may share it.
 */
public final class ContextChoice {
  private final ContextFactory factory;
  private final ParameterValues values;
  private final ModelLimits limits;
  private final ContextStrategy example;

  private ContextChoice(ContextFactory factory, ParameterValues values, ModelLimits limits) {
    this.factory = factory;
    this.values = values;
    this.limits = limits;
    this.example = forDocument();
  }

  /**
   * @param given parameters as users write them
   * @throws LongformException INVALID_OPTION
   */
  public static ContextChoice of(
      String name, Map<String, String> given, ModelLimits limits, TextTokens tokenizer) {
    ContextFactory factory = ContextStrategies.byName(name);
    return new ContextChoice(
        factory,
        ParameterValues.resolve(name, factory.parameters(), given, limits, tokenizer),
        limits);
  }

  /** The word users write. */
  public String name() {
    return factory.name();
  }

  /** A strategy for one document. */
  public ContextStrategy forDocument() {
    return factory.create(values, limits);
  }

  /** One that nobody reads with: what it says of itself holds of all. */
  public ContextStrategy example() {
    return example;
  }
}
