package org.longform.options;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * How a document longer than the model's window is attended to. The parameters of all strategies
 * are options with plain names; strategies that use the same name share the option.
 */
public final class ContextOptions {
  /** A parameter and the strategy that declares it. */
  private record Declared(String strategy, Parameter parameter) {}

  private static final List<Declared> DECLARED =
      ContextStrategies.ALL.stream()
          .flatMap(
              factory ->
                  factory.parameters().stream()
                      .map(parameter -> new Declared(factory.name(), parameter)))
          .toList();

  public static final Option<String> CONTEXT =
      Option.choice("context", ContextStrategies.ALL.stream().map(ContextFactory::name).toList())
          .doc(
              "The context strategy: how a document longer than the model's window is attended to.")
          .alias("method")
          .defaultValue("reattention");

  private static final List<Option<?>> PARAMETER_OPTIONS = declare();

  static final OptionGroup GROUP =
      new OptionGroup(
          "Context",
          "How a document longer than the model's window is attended to. A parameter counts for the"
              + " strategies its text names; giving one that the chosen strategy does not know is an"
              + " error.",
          concat(CONTEXT, PARAMETER_OPTIONS));

  private ContextOptions() {}

  /** One option for each parameter name, whatever number of strategies uses it. */
  private static List<Option<?>> declare() {
    Map<String, List<Declared>> byName = new LinkedHashMap<>();
    for (Declared each : DECLARED) {
      byName.computeIfAbsent(each.parameter().name(), name -> new ArrayList<>()).add(each);
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
      Optional<Parameter> parameter = parameter(strategy, option.name());
      if (parameter.isPresent()) {
        values.put(option.name(), checked(strategy, parameter.get(), options.textOf(option)));
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

  private static Optional<Parameter> parameter(String strategy, String name) {
    return DECLARED.stream()
        .filter(each -> each.strategy().equals(strategy) && each.parameter().name().equals(name))
        .map(Declared::parameter)
        .findFirst();
  }

  private static String strategiesOf(String name) {
    return DECLARED.stream()
        .filter(each -> each.parameter().name().equals(name))
        .map(Declared::strategy)
        .collect(Collectors.joining(" or "));
  }

  private static String checked(String strategy, Parameter parameter, String text) {
    Optional<String> refusal = parameter.refusal(text);
    if (refusal.isPresent()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '%s' with context '%s': %s (%s). Change it or leave it out (default: %s)."
              .formatted(
                  parameter.name().replace('-', '_'),
                  strategy,
                  refusal.get(),
                  text,
                  parameter.defaultText()));
    }
    return text;
  }

  private static Option<?> option(List<Declared> sharing) {
    Parameter first = sharing.get(0).parameter();
    return switch (first.type()) {
      case INTEGER -> described(Option.wholeNumber(first.name()), sharing);
      case DECIMAL -> described(Option.decimal(first.name()), sharing);
      case TEXT -> described(Option.text(first.name()), sharing);
      case CHOICE ->
          described(
              Option.choice(
                  first.name(),
                  sharing.stream()
                      .flatMap(each -> each.parameter().choices().stream())
                      .distinct()
                      .toList()),
              sharing);
    };
  }

  private static <T> Option<T> described(Option.Builder<T> builder, List<Declared> sharing) {
    Map<String, String> docs = strategiesByText(sharing, Parameter::doc);
    Map<String, String> defaults = strategiesByText(sharing, Parameter::defaultText);
    return builder
        .doc(
            docs.entrySet().stream()
                .map(entry -> "(" + entry.getValue() + ") " + entry.getKey())
                .collect(Collectors.joining(" ")))
        .defaultText(
            defaults.entrySet().stream()
                .map(
                    entry ->
                        defaults.size() == 1
                            ? entry.getKey()
                            : entry.getValue() + ": " + entry.getKey())
                .collect(Collectors.joining("; ")))
        .optional();
  }

  /** Strategies that say the same share one text. */
  private static Map<String, String> strategiesByText(
      List<Declared> sharing, Function<Parameter, String> textOf) {
    return sharing.stream()
        .collect(
            Collectors.groupingBy(
                each -> textOf.apply(each.parameter()),
                LinkedHashMap::new,
                Collectors.mapping(Declared::strategy, Collectors.joining(", "))));
  }

  private static List<Option<?>> concat(Option<?> first, List<Option<?>> rest) {
    List<Option<?>> all = new ArrayList<>();
    all.add(first);
    all.addAll(rest);
    return all;
  }
}
