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
 * The parameters of the strategies of one list as options with plain names; strategies that use the
 * same name share the option.
 */
final class StrategyParameters {
  /** A parameter and the strategy that declares it. */
  record Declared(String strategy, Parameter parameter) {}

  private final String kind;
  private final List<Declared> declared;
  private final Map<String, Option<String>> texts = new LinkedHashMap<>();
  private final List<Option<?>> options;

  /**
   * @param kind what the strategies are: context, decoding
   */
  StrategyParameters(String kind, List<Declared> declared) {
    this.kind = kind;
    this.declared = List.copyOf(declared);
    Map<String, List<Declared>> byName = new LinkedHashMap<>();
    for (Declared each : declared) {
      byName.computeIfAbsent(each.parameter().name(), name -> new ArrayList<>()).add(each);
    }
    this.options = byName.values().stream().<Option<?>>map(this::option).toList();
  }

  /** One option for each parameter name, whatever number of strategies uses it. */
  List<Option<?>> options() {
    return options;
  }

  /** The option of a parameter that is any text. */
  Option<String> textOption(String name) {
    return texts.get(name);
  }

  /**
   * The parameters set for the chosen strategy, by parameter name in kebab case. A value from a
   * weaker source than the one that chose the strategy was meant for another choice and is left
   * out.
   *
   * @throws LongformException INVALID_OPTION where a value was given for another strategy
   */
  Map<String, String> of(Options all, Option<String> choice) {
    String strategy = all.get(choice);
    OptionSource chosenBy = all.sourceOf(choice);
    Map<String, String> values = new TreeMap<>();
    for (Option<?> option : options) {
      if (!all.isSet(option)) {
        continue;
      }
      Optional<Parameter> parameter = parameter(strategy, option.name());
      if (parameter.isPresent()) {
        values.put(option.name(), checked(strategy, parameter.get(), all.textOf(option)));
      } else if (all.sourceOf(option).compareTo(chosenBy) >= 0) {
        String owners = strategiesOf(option.name());
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use option '%s' with %s '%s': it belongs to %s (value %s). Leave it out or choose %s."
                .formatted(
                    option.sqlKey(),
                    kind,
                    strategy,
                    owners,
                    all.textOf(option),
                    owners.contains(" or ") ? "one of them" : owners));
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
                  kind,
                  strategy,
                  refusal.get(),
                  text,
                  parameter.defaultText()));
    }
    return text;
  }

  private Option<?> option(List<Declared> sharing) {
    Parameter first = sharing.get(0).parameter();
    return switch (first.type()) {
      case INTEGER -> described(Option.wholeNumber(first.name()), sharing);
      case DECIMAL -> described(Option.decimal(first.name()), sharing);
      case TEXT ->
          texts.computeIfAbsent(first.name(), name -> described(Option.text(name), sharing));
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
