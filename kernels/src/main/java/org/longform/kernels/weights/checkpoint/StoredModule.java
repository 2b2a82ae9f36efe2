package org.longform.kernels.weights.checkpoint;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.SafetensorsWeights;
import org.longform.kernels.weights.StoredBytes;

/** The tensors of one module, by their endings. Nothing in them is believed. */
final class StoredModule {
  // of any model there is; some rows of so many numbers are still an array
  private static final int LONGEST_AXIS = 1 << 24;

  private final Path place;
  private final SafetensorsWeights stored;
  private final String name;

  StoredModule(Path place, SafetensorsWeights stored, String name) {
    this.place = place;
    this.stored = stored;
    this.name = name;
  }

  /** Without an ending. */
  String name() {
    return name;
  }

  boolean has(String ending) {
    return stored.contains(name + ending);
  }

  /**
   * The shape of a matrix.
   *
   * @throws LongformException INVALID_MODEL if it is missing, has another dtype or is no matrix of
   *     a size that models have
   */
  Shape matrix(String ending, String... dtypes) {
    Shape shape = shape(ending);
    requireDtype(ending, dtypes);
    if (shape.rank() != 2
        || shape.axis(0) < 1
        || shape.axis(1) < 1
        || shape.axis(0) > LONGEST_AXIS
        || shape.axis(1) > LONGEST_AXIS) {
      throw invalid(
          "tensor '%s' has shape %s, expected a matrix with sides from 1 to %d"
              .formatted(name + ending, shape, LONGEST_AXIS));
    }
    return shape;
  }

  /** The shape of a tensor that must be there. */
  Shape shape(String ending) {
    return stored
        .shape(name + ending)
        .orElseThrow(() -> invalid("tensor '%s' is missing".formatted(name + ending)));
  }

  String dtype(String ending) {
    shape(ending);
    return stored.dtype(name + ending);
  }

  /** Refuses a tensor of another shape. */
  void requireShape(String ending, long... axes) {
    Shape expected = Shape.of(axes);
    if (!shape(ending).equals(expected)) {
      throw invalid(
          "tensor '%s' has shape %s, expected %s"
              .formatted(name + ending, shape(ending), expected));
    }
  }

  private void requireDtype(String ending, String... dtypes) {
    if (!Arrays.asList(dtypes).contains(dtype(ending))) {
      throw invalid(
          "tensor '%s' has dtype %s, expected %s"
              .formatted(name + ending, dtype(ending), String.join(" or ", dtypes)));
    }
  }

  /** The bytes of a tensor, which the caller closes. */
  StoredBytes open(String ending) {
    shape(ending);
    return stored.stored(name + ending);
  }

  /** All int32 of a small tensor. */
  int[] ints(String ending) {
    requireDtype(ending, "I32");
    try (StoredBytes bytes = open(ending)) {
      int[] values = new int[Math.toIntExact(bytes.shape().elements())];
      bytes.read(0, values, values.length);
      return values;
    }
  }

  /** All whole numbers of a small tensor. */
  long[] wholeNumbers(String ending) {
    try (StoredBytes bytes = open(ending)) {
      return bytes.wholeNumbers();
    }
  }

  /**
   * All numbers of a tensor of steps.
   *
   * @throws LongformException INVALID_MODEL if one is not finite
   */
  float[] steps(String ending) {
    try (StoredBytes bytes = open(ending)) {
      float[] steps = bytes.floats();
      for (float step : steps) {
        if (!Float.isFinite(step)) {
          throw invalid(
              "tensor '%s' holds %s, expected finite numbers".formatted(name + ending, step));
        }
      }
      return steps;
    }
  }

  /** Which of the given tensors there is; empty if none. */
  Optional<String> only(List<String> endings) {
    List<String> found = endings.stream().filter(this::has).toList();
    if (found.size() > 1) {
      throw invalid(
          "tensors '%s' and '%s' are both there, expected one of them"
              .formatted(name + found.get(0), name + found.get(1)));
    }
    return found.stream().findFirst();
  }

  LongformException invalid(String why) {
    return QuantisationConfig.failed(place, ErrorClass.INVALID_MODEL, why);
  }
}
