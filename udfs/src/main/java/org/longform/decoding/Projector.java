package org.longform.decoding;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.SafetensorsWeights;

/**
 * Two linear layers with a rectifier between them ("mlp2x_relu"): {@code W2 · relu(W1 · h + b1) +
 * b2}. Files name its parts as PyTorch names those of a sequence, perhaps with a word before them.
 */
final class Projector implements Decoder.Companion {
  private static final String FILE = "model.safetensors";
  private static final long MOST_WIDTH = 1 << 17;

  /** A projector in files as they are now: files that changed are another one. */
  private record Key(Path directory, long bytes, FileTime changed, int outputs) {}

  /** A linear layer: matrix (outputs, inputs) and bias (outputs). */
  private record Linear(Weight matrix, Weight bias, int inputs, int outputs) {
    Tensor apply(Kernels kernels, Tensor x) {
      Tensor out = Tensor.allocate(x.rows(), outputs);
      try {
        kernels.matmul(x, matrix, out);
        kernels.addBias(out, bias);
        return out;
      } catch (Throwable e) {
        out.close();
        throw e;
      }
    }
  }

  private final Kernels kernels;
  private final List<AutoCloseable> owned = new ArrayList<>();
  private Linear first;
  private Linear second;

  private Projector(Kernels kernels) {
    this.kernels = kernels;
  }

  /**
   * The projector behind a large model: loaded once and freed with it.
   *
   * @param directory with model.safetensors, which may come from anywhere
   * @param large has a session that is open as long as the projector is used
   * @param outputs width of the small model
   * @throws LongformException INVALID_MODEL if it is none, or of other widths
   */
  static Projector of(Path directory, Decoder large, int outputs) {
    return large.companion(
        key(directory, outputs),
        () -> load(directory, large.kernels(), large.spec().hidden(), outputs));
  }

  private static Key key(Path directory, int outputs) {
    try {
      BasicFileAttributes file =
          Files.readAttributes(directory.resolve(FILE), BasicFileAttributes.class);
      return new Key(directory.toAbsolutePath(), file.size(), file.lastModifiedTime(), outputs);
    } catch (IOException e) {
      throw invalid(directory, "%s cannot be read (%s)".formatted(FILE, e));
    }
  }

  /**
   * @param directory with model.safetensors, which may come from anywhere
   * @param kernels the device that computes
   * @param inputs width of the states of the large model
   * @param outputs width of the small model
   * @throws LongformException INVALID_MODEL if it is none, or of other widths
   */
  static Projector load(Path directory, Kernels kernels, int inputs, int outputs) {
    Projector projector = new Projector(kernels);
    try (SafetensorsWeights weights = SafetensorsWeights.open(directory)) {
      String prefix = prefix(directory, weights.names());
      int inner = inner(directory, weights.shape(prefix + "0.weight"));
      projector.first = projector.linear(weights, prefix + "0", inputs, inner);
      projector.second = projector.linear(weights, prefix + "2", inner, outputs);
      return projector;
    } catch (Throwable e) {
      projector.close();
      throw e;
    }
  }

  private Linear linear(SafetensorsWeights weights, String name, int inputs, int outputs) {
    return new Linear(
        weight(weights, name + ".weight", outputs, inputs),
        weight(weights, name + ".bias", outputs),
        inputs,
        outputs);
  }

  /** A copy in memory: the file may change. */
  private Weight weight(SafetensorsWeights weights, String name, long... axes) {
    Tensor copy = Tensor.of(weights.tensor(name, Shape.of(axes)).toArray(), axes);
    owned.add(copy);
    Weight weight = kernels.weight(copy);
    owned.add(weight);
    return weight;
  }

  private static String prefix(Path directory, Set<String> names) {
    return names.stream()
        .filter(name -> name.equals("0.weight") || name.endsWith(".0.weight"))
        .sorted()
        .findFirst()
        .map(name -> name.substring(0, name.length() - "0.weight".length()))
        .orElseThrow(() -> invalid(directory, "it has no tensor 0.weight"));
  }

  private static int inner(Path directory, Optional<Shape> shape) {
    long inner = shape.filter(each -> each.rank() == 2).map(each -> each.axis(0)).orElse(0L);
    if (inner < 1 || inner > MOST_WIDTH) {
      throw invalid(
          directory,
          "0.weight must be a matrix of 1 to %d rows (%s)"
              .formatted(MOST_WIDTH, shape.map(Shape::toString).orElse("none")));
    }
    return (int) inner;
  }

  private static LongformException invalid(Path directory, String why) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot use the projector in %s: %s. Give a directory with the projector that was trained for both models."
            .formatted(directory, why));
  }

  /** Width of what comes out. */
  int outputs() {
    return second.outputs();
  }

  /** (T, out) for (T, in). */
  float[] project(float[] states) {
    int rows = states.length / first.inputs();
    try (Tensor x = Tensor.of(states, rows, first.inputs());
        Tensor inner = first.apply(kernels, x)) {
      float[] rectified = inner.toArray();
      for (int i = 0; i < rectified.length; i++) {
        rectified[i] = Math.max(0, rectified[i]);
      }
      inner.write(0, rectified);
      try (Tensor out = second.apply(kernels, inner)) {
        return out.toArray();
      }
    }
  }

  @Override
  public void close() {
    for (int i = owned.size() - 1; i >= 0; i--) {
      if (owned.get(i) instanceof Weight weight) {
        weight.close();
      } else if (owned.get(i) instanceof Tensor tensor) {
        tensor.close();
      }
    }
    owned.clear();
  }
}
