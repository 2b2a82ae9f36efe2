package org.longform.options;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * The parameters of all strategies of one list as options with plain names; strategies that use the
 * same name share the option.
 */
final class StrategyOptions {
  private final Option<String> choice;
  private final List<Declared> declared;
  private final List<Option<?>> options;

  /** A parameter and the strategy that declares it. */
  record Declared(String strategy, Parameter parameter) {}

  /**
   * @param choice the option that chooses the strategy
   */
  StrategyOptions(Option<String> choice, List<Declared> declared) {
    this.choice = choice;
    this.declared = List.copyOf(declared);
    // one option for each parameter name, whatever number of strategies uses it
    Map<String, List<Declared>> byName = new LinkedHashMap<>();
    for (Declared each : declared) {
      byName.computeIfAbsent(each.parameter().name(), name -> new ArrayList<>()).add(each);
    }
    this.options = byName.values().stream().<Option<?>>map(StrategyOptions::option).toList();
  }

  static List<Declared> declared(String strategy, List<Parameter> parameters) {
    return parameters.stream().map(parameter -> new Declared(strategy, parameter)).toList();
  }

  /** The choice, and behind it the parameters. */
  List<Option<?>> all() {
    List<Option<?>> all = new ArrayList<>();
    all.add(choice);
    all.addAll(options);
    return all;
  }

  /**
   * The parameters set for the chosen strategy, by parameter name in kebab case. A value from a
   * weaker source than the one that chose the strategy was meant for another choice and is left
   * out.
   *
   * @throws LongformException INVALID_OPTION where a value was given for another strategy
   */
  Map<String, String> parametersOf(Options given) {
    String strategy = given.get(choice);
    OptionSource chosenBy = given.sourceOf(choice);
    Map<String, String> values = new TreeMap<>();
    for (Option<?> option : options) {
      if (!given.isSet(option)) {
        continue;
      }
      Optional<Parameter> parameter = parameter(strategy, option.name());
      if (parameter.isPresent()) {
        values.put(option.name(), checked(strategy, parameter.get(), given.textOf(option)));
      } else if (given.sourceOf(option).compareTo(chosenBy) >= 0) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use option '%s' with %s '%s': it belongs to %s (value %s). Leave it out or choose %s."
                .formatted(
                    option.sqlKey(),
                    choice.name(),
                    strategy,
                    strategiesOf(option.name()),
                    given.textOf(option),
                    strategiesOf(option.name())));
      }
    }
    return values;
  }

  private Optional<Parameter> parameter(String strategy, String name) {
    return declared.stream()
        .filter(each -> each.strategy().equals(strategy) && each.parameter().name().equals(name))
        .map(Declared::parameter)
        .findFirst();
  }

  private String strategiesOf(String name) {
    return declared.stream()
        .filter(each -> each.parameter().name().equals(name))
        .map(Declared::strategy)
        .collect(Collectors.joining(" or "));
  }

  private String checked(String strategy, Parameter parameter, String text) {
    Optional<String> refusal = parameter.refusal(text);
    if (refusal.isPresent()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '%s' with %s '%s': %s (%s). Change it or leave it out (default: %s)."
              .formatted(
                  parameter.name().replace('-', '_'),
                  choice.name(),
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
}
