package org.longform.options;

import java.util.Map;
import java.util.stream.Stream;
import org.longform.decoding.DecodingStrategies;
import org.longform.feed.ReadingStrategies;
import org.longform.feed.ReadingStrategy;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** How a document and what is asked of it are fed to the model. */
public final class ReadingOptions {
  private static final StrategyParameters PARAMETERS =
      new StrategyParameters(
          "reading",
          ReadingStrategies.ALL.stream()
              .flatMap(
                  strategy ->
                      strategy.parameters().stream()
                          .map(
                              parameter ->
                                  new StrategyParameters.Declared(strategy.name(), parameter)))
              .toList());

  public static final Option<String> READING =
      Option.choice("reading", ReadingStrategies.ALL.stream().map(ReadingStrategy::name).toList())
          .doc(
              "The reading strategy: how a document and what is asked of it are fed to the model."
                  + " All but `sequential` read a document once for each question.")
          .defaultValue("sequential");

  static final OptionGroup GROUP =
      new OptionGroup(
          "Reading",
          "How a document and what is asked of it are fed to the model. A parameter counts for the"
              + " strategy its text names; giving one that the chosen strategy does not know is an"
              + " error.",
          Stream.concat(Stream.<Option<?>>of(READING), PARAMETERS.options().stream()).toList());

  private ReadingOptions() {}

  /** The strategy that was chosen. */
  public static ReadingStrategy strategy(Options options) {
    return ReadingStrategies.byName(options.get(READING));
  }

  /** The parameters set for the chosen strategy; see {@link ContextOptions#parametersOf}. */
  public static Map<String, String> parametersOf(Options options) {
    return PARAMETERS.of(options, READING);
  }

  /**
   * The values of the chosen strategy's parameters.
   *
   * @throws LongformException INVALID_OPTION for a parameter that does not fit the strategy or the
   *     model, or a context that the strategy has no use for
   */
  public static ParameterValues valuesOf(Options options, ModelLimits limits) {
    ReadingStrategy strategy = strategy(options);
    // a context from a weaker source than the one that chose the reading was meant for another
    if (!strategy.usesContext()
        && options.isSet(ContextOptions.CONTEXT)
        && options.sourceOf(ContextOptions.CONTEXT).compareTo(options.sourceOf(READING)) >= 0) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use context '%s' with reading '%s': it decides itself what tokens see. Leave the context out or choose reading 'sequential'."
              .formatted(options.get(ContextOptions.CONTEXT), strategy.name()));
    }
    if (strategy.asksItself()
        && !writesPlainly(options)
        && options.sourceOf(DecodingOptions.DECODING).compareTo(options.sourceOf(READING)) >= 0) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use decoding '%s' with reading '%s': nothing can read along while question and document are merged. Use decoding '%s' or another reading."
              .formatted(
                  options.get(DecodingOptions.DECODING),
                  strategy.name(),
                  DecodingStrategies.PLAIN.name()));
    }
    return ReadingStrategies.values(strategy, parametersOf(options), limits);
  }

  private static boolean writesPlainly(Options options) {
    return options.get(DecodingOptions.DECODING).equals(DecodingStrategies.PLAIN.name());
  }

  /** What reads, attends and writes, as far as it is not the usual, with the parameters set. */
  public static String method(Options options) {
    if (strategy(options).asksItself() || writesPlainly(options)) {
      return readingMethod(options);
    }
    return readingMethod(options)
        + ", decoding "
        + named(options.get(DecodingOptions.DECODING), DecodingOptions.parametersOf(options));
  }

  private static String readingMethod(Options options) {
    ReadingStrategy strategy = strategy(options);
    String reading = named(strategy.name(), parametersOf(options));
    if (!strategy.usesContext()) {
      return reading;
    }
    String context =
        named(options.get(ContextOptions.CONTEXT), ContextOptions.parametersOf(options));
    return strategy.name().equals(READING.defaultValue().orElseThrow())
        ? context
        : reading + " " + context;
  }

  private static String named(String name, Map<String, String> parameters) {
    return parameters.isEmpty() ? name : name + parameters;
  }
}
