package org.longform.options;

import static org.longform.options.StrategyParameter.choice;
import static org.longform.options.StrategyParameter.integer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * How a document longer than the model's window is attended to. The parameters of all strategies
 * are options with plain names; strategies that use the same name share the option.
 */
public final class ContextOptions {
  private static final String WINDOW = "from the model's window";

  static final List<String> STRATEGIES = List.of("full", "streaming", "lm-infinite", "reattention");

  static final List<StrategyParameter> PARAMETERS =
      List.of(
          integer("streaming", "global-size", 0, "4", "First tokens that stay visible"),
          integer("streaming", "local-size", 1, WINDOW, "Nearest tokens that are visible"),
          integer("lm-infinite", "global-size", 0, "10", "First tokens that stay visible"),
          integer("lm-infinite", "local-size", 1, WINDOW, "Nearest tokens that are visible"),
          integer("lm-infinite", "middle-top-k", 0, "0", "Middle tokens each head may add"),
          integer("lm-infinite", "top-k-from-layer", 0, "4", "First layer that adds middle tokens"),
          integer("lm-infinite", "top-k-to-layer", 0, "1000", "Layer before which that ends"),
          integer(
              "lm-infinite",
              "top-k-distance",
              1,
              "half the local size",
              "Distance at which middle tokens are placed"),
          integer("reattention", "global-size", 0, "32", "First tokens that stay visible"),
          integer("reattention", "local-size", 1, WINDOW, "Nearest tokens that are visible"),
          integer("reattention", "middle-size", 0, "4", "Keys each head and query votes for"),
          integer("reattention", "span-size", 1, "32", "Tokens read around each voted key"),
          integer("reattention", "recall-clip", -1, WINDOW, "Most voted keys kept; -1 keeps all"),
          integer("reattention", "chunk-size", 1, "512", "Tokens that vote together"),
          choice(
              "reattention",
              "profile",
              List.of("clean", "faithful"),
              "clean",
              "`clean` gives the same answer for any chunking, `faithful` reproduces the published"
                  + " code"),
          choice(
              "reattention",
              "recall",
              List.of("default", "full-attention", "generate-only", "prefill-only"),
              "default",
              "When keys are selected"));

  public static final Option<String> CONTEXT =
      Option.choice("context", STRATEGIES)
          .doc(
              "The context strategy: how a document longer than the model's window is attended to.")
          .alias("method")
          .defaultValue("reattention");

  private static final List<Option<?>> PARAMETER_OPTIONS = declare(PARAMETERS);

  static final OptionGroup GROUP =
      new OptionGroup(
          "Context",
          "How a document longer than the model's window is attended to. A parameter counts for the"
              + " strategies its text names; giving one that the chosen strategy does not know is an"
              + " error.",
          concat(CONTEXT, PARAMETER_OPTIONS));

  private ContextOptions() {}

  /** One option for each parameter name, whatever number of strategies uses it. */
  static List<Option<?>> declare(List<StrategyParameter> parameters) {
    Map<String, List<StrategyParameter>> byName = new LinkedHashMap<>();
    for (StrategyParameter parameter : parameters) {
      byName.computeIfAbsent(parameter.name(), name -> new ArrayList<>()).add(parameter);
    }
    return byName.values().stream().<Option<?>>map(ContextOptions::option).toList();
  }

  /**
   * The parameters set for the chosen strategy, by parameter name in kebab case. A value from a
   * weaker source than the one that chose the strategy was meant for another choice and is left
   * out.
   *
   * @throws LongformException INVALID_OPTION where a value was given for another strategy
   */
  public static Map<String, String> parametersOf(Options options) {
    String strategy = options.get(CONTEXT);
    OptionSource chosenBy = options.sourceOf(CONTEXT);
    Map<String, String> values = new TreeMap<>();
    for (Option<?> option : PARAMETER_OPTIONS) {
      if (!options.isSet(option)) {
        continue;
      }
      StrategyParameter parameter = parameter(strategy, option.name());
      if (parameter != null) {
        values.put(option.name(), checked(parameter, options.textOf(option)));
      } else if (options.sourceOf(option).compareTo(chosenBy) >= 0) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use option '%s' with context '%s': it belongs to %s (value %s). Leave it out or choose %s."
                .formatted(
                    option.sqlKey(),
                    strategy,
                    strategiesOf(option.name()),
                    options.textOf(option),
                    strategiesOf(option.name())));
      }
    }
    return values;
  }

  private static StrategyParameter parameter(String strategy, String name) {
    return PARAMETERS.stream()
        .filter(each -> each.strategy().equals(strategy) && each.name().equals(name))
        .findFirst()
        .orElse(null);
  }

  private static String strategiesOf(String name) {
    return PARAMETERS.stream()
        .filter(each -> each.name().equals(name))
        .map(StrategyParameter::strategy)
        .collect(Collectors.joining(" or "));
  }

  private static String checked(StrategyParameter parameter, String text) {
    boolean number = parameter.kind() != StrategyParameter.Kind.CHOICE;
    if (number && !parameter.check().test(Double.parseDouble(text))) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '%s' with context '%s': it %s (%s). Change it or leave it out (default: %s)."
              .formatted(
                  parameter.name().replace('-', '_'),
                  parameter.strategy(),
                  parameter.demand(),
                  text,
                  parameter.defaultText()));
    }
    return text;
  }

  private static Option<?> option(List<StrategyParameter> sharing) {
    StrategyParameter first = sharing.get(0);
    return switch (first.kind()) {
      case INTEGER -> described(Option.wholeNumber(first.name()), sharing);
      case DECIMAL -> described(Option.decimal(first.name()), sharing);
      case CHOICE ->
          described(
              Option.choice(
                  first.name(),
                  sharing.stream().flatMap(each -> each.choices().stream()).distinct().toList()),
              sharing);
    };
  }

  private static <T> Option<T> described(
      Option.Builder<T> builder, List<StrategyParameter> sharing) {
    // strategies that say the same share one sentence
    Map<String, List<String>> strategiesByDoc = new LinkedHashMap<>();
    for (StrategyParameter each : sharing) {
      strategiesByDoc.computeIfAbsent(each.doc(), doc -> new ArrayList<>()).add(each.strategy());
    }
    String doc =
        strategiesByDoc.entrySet().stream()
            .map(entry -> entry.getKey() + " (" + String.join(", ", entry.getValue()) + ").")
            .collect(Collectors.joining(" "));
    List<String> defaults =
        sharing.stream().map(StrategyParameter::defaultText).distinct().toList();
    String defaultText =
        defaults.size() == 1
            ? defaults.get(0)
            : sharing.stream()
                .map(each -> each.strategy() + ": " + each.defaultText())
                .collect(Collectors.joining(", "));
    return builder.doc(doc).defaultText(defaultText).optional();
  }

  private static List<Option<?>> concat(Option<?> first, List<Option<?>> rest) {
    List<Option<?>> all = new ArrayList<>();
    all.add(first);
    all.addAll(rest);
    return all;
  }
}
