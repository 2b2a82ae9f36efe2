package org.longform.spark.job;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;

/** Types of weights, as commands that write a model name them. */
final class WeightTypes {
  private WeightTypes() {}

  /**
   * A type of weights by its name.
   *
   * @throws LongformException INVALID_OPTION naming the flag and the known types
   */
  static DType named(String flag, String word) {
    return Arrays.stream(DType.values())
        .filter(each -> each.name().equalsIgnoreCase(word))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use option '%s': '%s' is unknown (known: %s). Change it or leave it out."
                        .formatted(
                            flag,
                            word,
                            Arrays.stream(DType.values())
                                .map(each -> each.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", ")))));
  }
}
