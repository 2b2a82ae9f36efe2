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
 * other source's. It belongs to this one and is closed with it. What was computed is float32, or
 * float16 where that may be and is as good, and lives until it is closed, or until this source is.
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

  /**
   * Whether a changed tensor may be given as float16 where {@link Halves} has it.
   *
   * @param stored as the other source has it
   */
  protected boolean mayRound(Tensor stored) {
    return false;
  }

  /** Told of each tensor that was computed. */
  protected void computed(String name, Tensor tensor) {}

  /** Closes what the changes were computed with. */
  protected void closeOthers() {}

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
    if (shape.equals(stored.get()) && !shape.equals(expected)) {
      return source().tensor(name, expected); // which says what is wrong with it
    }
    if (!shape.equals(expected)) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot make tensor '%s' %s: what it is made from gives %s."
              .formatted(name, expected, shape));
    }
    long[] axes = IntStream.range(0, shape.rank()).mapToLong(shape::axis).toArray();
    Tensor target = compute(name, stored.get(), axes);
    computed.add(target);
    computed(name, target);
    return target;
  }

  private Tensor compute(String name, Shape stored, long[] axes) {
    Tensor target = Tensor.allocate(axes);
    try (Tensor whole = source().tensor(name, stored)) {
      change(name, whole, target);
      Optional<Tensor> halves = mayRound(whole) ? Halves.of(target) : Optional.empty();
      if (halves.isEmpty()) {
        return target;
      }
      target.close();
      return halves.get();
    } catch (Throwable e) {
      target.close();
      throw e;
    }
  }

  @Override
  public long bytes() {
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
