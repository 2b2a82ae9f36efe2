package org.longform.kernels.context;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The checked values of a strategy's parameters: what the user gave, else the defaults. */
public final class ParameterValues {
  private final Map<String, Object> values;
  private final TextTokens tokenizer;

  private ParameterValues(Map<String, Object> values, TextTokens tokenizer) {
    this.values = values;
    this.tokenizer = tokenizer;
  }

  /** As {@link #resolve(String, String, List, Map, ModelLimits)}, for a context strategy. */
  public static ParameterValues resolve(
      String strategy,
      List<Parameter> parameters,
      Map<String, String> given,
      ModelLimits limits,
      TextTokens tokenizer) {
    return resolve("context", strategy, parameters, given, limits, tokenizer);
  }

  /**
   * For who asks for no tokens.
   *
   * @param kind what the strategy is one of: context, decoding
   * @throws LongformException INVALID_OPTION for an unknown name or a refused value
   */
  public static ParameterValues resolve(
      String kind,
      String strategy,
      List<Parameter> parameters,
      Map<String, String> given,
      ModelLimits limits) {
    return resolve(kind, strategy, parameters, given, limits, TextTokens.ESTIMATE);
  }

  /**
   * @param given values as users write them, by parameter name
   * @param tokenizer of the model that reads the texts
   */
  private static ParameterValues resolve(
      String kind,
      String strategy,
      List<Parameter> parameters,
      Map<String, String> given,
      ModelLimits limits,
      TextTokens tokenizer) {
    Map<String, Object> values = new TreeMap<>();
    for (Parameter parameter : parameters) {
      String text = given.get(parameter.name());
      values.put(
          parameter.name(),
          text == null
              ? parameter.defaultValue().apply(limits)
              : parse(kind, strategy, parameter, text));
    }
    for (String name : given.keySet()) {
      if (!values.containsKey(name)) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use '%s' with %s '%s': it has no such parameter (known: %s). Remove it or choose another %s."
                .formatted(
                    name,
                    kind,
                    strategy,
                    parameters.isEmpty()
                        ? "none"
                        : parameters.stream()
                            .map(Parameter::name)
                            .collect(Collectors.joining(", ")),
                    kind));
      }
    }
    return new ParameterValues(values, tokenizer);
  }

  private static Object parse(String kind, String strategy, Parameter parameter, String text) {
    Optional<String> refusal = parameter.refusal(text);
    if (refusal.isPresent()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use '%s' of %s '%s': %s (value '%s'). %s"
              .formatted(parameter.name(), kind, strategy, refusal.get(), text, parameter.doc()));
    }
    return switch (parameter.type()) {
      case INTEGER -> Long.valueOf(text.trim());
      case DECIMAL -> Double.valueOf(text.trim());
      case CHOICE, TEXT -> text;
    };
  }

  public long integer(String name) {
    return (Long) values.get(name);
  }

  public double decimal(String name) {
    return (Double) values.get(name);
  }

  public String choice(String name) {
    return (String) values.get(name);
  }

  /** Empty where none was given. */
  public String text(String name) {
    return (String) values.get(name);
  }

  /** The tokens of a text. */
  public int[] tokens(String name) {
    return tokenizer.of(text(name));
  }

  /** Name and value of every parameter, sorted by name: part of what makes a result repeatable. */
  public Map<String, Object> asMap() {
    return Map.copyOf(values);
  }

  @Override
  public String toString() {
    return values.toString();
  }
}
