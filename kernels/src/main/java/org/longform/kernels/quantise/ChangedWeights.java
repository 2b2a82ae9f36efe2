package org.longform.kernels.quantise;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ForwardedWeights;
import org.longform.kernels.weights.WeightSource;

/** The weights of a source, some of them replaced. The source stays with the caller. */
final class ChangedWeights extends ForwardedWeights {
  private final Map<String, Replacement> replaced = new HashMap<>();

  private final List<Tensor> lent = new ArrayList<>();

  private record Replacement(Tensor tensor, Runnable release) {}

  ChangedWeights(WeightSource source) {
    super(source);
  }

  /** Replaces a tensor; {@code release} runs once it is not needed any more. */
  void replace(String name, Tensor tensor, Runnable release) {
    Replacement former = replaced.put(name, new Replacement(tensor, release));
    if (former != null) {
      former.release.run();
    }
  }

  /** Whether the tensor is a float32 one of its own, which may be written to. */
  boolean isReplaced(String name) {
    return replaced.containsKey(name);
  }

  /** A tensor as it is by now; valid until {@link #reset}, if it is not replaced before. */
  Tensor lent(String name, Shape shape) {
    Tensor tensor = tensor(name, shape);
    lent.add(tensor);
    return tensor;
  }

  /** Takes all replacements and all that was lent back. */
  void reset() {
    List<Replacement> all = List.copyOf(replaced.values());
    replaced.clear();
    all.forEach(each -> each.release.run());
    lent.forEach(Tensor::close);
    lent.clear();
  }

  @Override
  public Tensor tensor(String name, Shape expected) {
    Replacement replacement = replaced.get(name);
    if (replacement == null) {
      return source().tensor(name, expected);
    }
    if (!replacement.tensor.shape().equals(expected)) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot use tensor '%s': it has shape %s, expected %s."
              .formatted(name, replacement.tensor.shape(), expected));
    }
    // it is needed on: whoever closes what is given here must not end it
    return replacement.tensor.rows(0, replacement.tensor.rows());
  }

  @Override
  public void close() {
    reset();
  }
}
