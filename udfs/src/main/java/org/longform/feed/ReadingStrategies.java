package org.longform.feed;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The list of reading strategies. To add one: one file, one line here. */
public final class ReadingStrategies {
  public static final List<ReadingStrategy> ALL =
      List.of(new SequentialReading(), new Homer(), new InfiniRetri());

  private ReadingStrategies() {}

  /**
   * @throws LongformException INVALID_OPTION listing the known names
   */
  public static ReadingStrategy byName(String name) {
    return ALL.stream()
        .filter(strategy -> strategy.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use reading '%s': it is unknown (known: %s)."
                        .formatted(
                            name,
                            ALL.stream()
                                .map(ReadingStrategy::name)
                                .collect(Collectors.joining(", ")))));
  }

  /**
   * The values of a strategy's parameters for a model: what the user gave, else the defaults.
   *
   * @throws LongformException INVALID_OPTION
   */
  public static ParameterValues values(
      ReadingStrategy strategy, Map<String, String> given, ModelLimits limits) {
    ParameterValues values =
        ParameterValues.resolve("reading", strategy.name(), strategy.parameters(), given, limits);
    strategy.check(values, limits);
    return values;
  }
}
