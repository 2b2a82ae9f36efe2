package org.longform.options;

import java.util.Map;
import java.util.stream.Stream;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.error.LongformException;

/**
 * How a document longer than the model's window is attended to. The parameters of all strategies
 * are options with plain names; strategies that use the same name share the option.
 */
public final class ContextOptions {
  private static final StrategyParameters PARAMETERS =
      new StrategyParameters(
          "context",
          ContextStrategies.ALL.stream()
              .flatMap(
                  factory ->
                      factory.parameters().stream()
                          .map(
                              parameter ->
                                  new StrategyParameters.Declared(factory.name(), parameter)))
              .toList());

  public static final Option<String> CONTEXT =
      Option.choice("context", ContextStrategies.ALL.stream().map(ContextFactory::name).toList())
          .doc(
              "The context strategy: how a document longer than the model's window is attended to.")
          .alias("method")
          .defaultValue("reattention");

  static final OptionGroup GROUP =
      new OptionGroup(
          "Context",
          "How a document longer than the model's window is attended to. A parameter counts for the"
              + " strategies its text names; giving one that the chosen strategy does not know is an"
              + " error.",
          Stream.concat(Stream.<Option<?>>of(CONTEXT), PARAMETERS.options().stream()).toList());

  private ContextOptions() {}

  /**
   * The parameters set for the chosen strategy, by parameter name in kebab case. A value from a
   * weaker source than the one that chose the strategy was meant for another choice and is left
   * out.
   *
   * @throws LongformException INVALID_OPTION where a value was given for another strategy
   */
  public static Map<String, String> parametersOf(Options options) {
    return PARAMETERS.of(options, CONTEXT);
  }
}
