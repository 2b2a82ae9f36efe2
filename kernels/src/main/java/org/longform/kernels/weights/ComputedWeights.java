package org.longform.kernels.weights;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * Tensors that are computed from those of another source, when they are asked for; the rest is the
 * other source's. It belongs to this one and is closed with it. What was computed is float32 and
 * lives until it is closed, or until this source is.
 */
public abstract class ComputedWeights extends ForwardedWeights {
  private final List<Tensor> computed = new ArrayList<>();

  protected ComputedWeights(WeightSource source) {
    super(source);
  }

  /** Whether a tensor of the other source is changed. */
  protected abstract boolean changes(String name);

  /** The shape that a tensor has when it was changed. */
  protected abstract Shape changedShape(String name, Shape stored);

  /**
   * Fills a tensor.
   *
   * @param stored as the other source has it
   * @param target float32, of the changed shape
   */
  protected abstract void change(String name, Tensor stored, Tensor target);

  /** Closes what the changes were computed with. */
  protected void closeOthers() {}

  @Override
  public final WeightSource origin() {
    return source().origin();
  }

  @Override
  public final Optional<Shape> shape(String name) {
    Optional<Shape> stored = source().shape(name);
    return changes(name) ? stored.map(shape -> changedShape(name, shape)) : stored;
  }

  @Override
  public final synchronized Tensor tensor(String name, Shape expected) {
    Optional<Shape> stored = source().shape(name);
    if (!changes(name) || stored.isEmpty()) {
      return source().tensor(name, expected);
    }
    Shape shape = changedShape(name, stored.get());
    if (!shape.equals(expected)) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot make tensor '%s' %s: what it is made from gives %s."
              .formatted(name, expected, shape));
    }
    long[] axes = IntStream.range(0, shape.rank()).mapToLong(shape::axis).toArray();
    Tensor target = Tensor.allocate(axes);
    computed.add(target);
    try (Tensor whole = source().tensor(name, stored.get())) {
      change(name, whole, target);
    }
    return target;
  }

  @Override
  public final long bytes() {
    return names().stream()
        .map(name -> shape(name).orElseThrow())
        .mapToLong(shape -> shape.elements() * Float.BYTES)
        .sum();
  }

  @Override
  public final synchronized void close() {
    computed.forEach(Tensor::close);
    computed.clear();
    closeOthers();
    source().close();
  }
}
