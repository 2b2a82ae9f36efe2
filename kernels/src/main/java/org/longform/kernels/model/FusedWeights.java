package org.longform.kernels.model;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ForwardedWeights;
import org.longform.kernels.weights.WeightSource;

/**
 * The weights of a model of which some lie in one stored tensor, each under the name that it would
 * have alone. Rows that lie behind each other are read where they are; others are copied, in the
 * type that they are stored in. A file that has them apart is read as well.
 *
 * <p>Parts are asked for one after the other. As the stored tensor may be computed, it is held from
 * the first of them to the last.
 */
final class FusedWeights extends ForwardedWeights {
  private static final List<String> ENDS = List.of(".weight", ".bias");

  private final Map<String, MatrixRows> places = new HashMap<>();
  // stored tensors of which some parts were given, and the last was not
  private final Map<String, Tensor> begun = new HashMap<>();
  private final Set<Tensor> copies = new HashSet<>();

  private FusedWeights(WeightSource source, DecoderSpec spec) {
    super(source);
    MatrixRows.ofFused(spec)
        .forEach((name, place) -> ENDS.forEach(end -> places.put(name + end, place.ending(end))));
    Optional<WeightNames.Experts> experts = spec.names().experts();
    for (int layer = 0; layer < spec.layers() && experts.isPresent(); layer++) {
      stack(spec, layer, experts.get());
    }
  }

  /** The source itself if the model has nothing of the kind. */
  static WeightSource over(WeightSource source, DecoderSpec spec) {
    boolean stacks = spec.names().experts().filter(each -> !each.stacks().isEmpty()).isPresent();
    return spec.names().fused().isEmpty() && !stacks ? source : new FusedWeights(source, spec);
  }

  /** How many times the parts of a matrix alternate in a layer. */
  static int times(DecoderSpec spec, int layer, WeightNames.Order order) {
    return order == WeightNames.Order.HEADS ? spec.layer(layer).kvHeads() : 1;
  }

  private void stack(DecoderSpec spec, int layer, WeightNames.Experts experts) {
    int count = spec.design().experts().orElseThrow().count();
    for (int m = 0; m < experts.stacks().size(); m++) {
      String pattern = experts.matrices().get(m);
      long rows = pattern.equals(experts.down()) ? spec.hidden() : spec.intermediate(layer);
      String stored = WeightNames.ofLayer(experts.stacks().get(m), layer) + ".weight";
      for (int e = 0; e < count; e++) {
        places.put(
            WeightNames.ofExpert(pattern, layer, e) + ".weight",
            new MatrixRows(stored, count * rows, e * rows, rows, 0, 1));
      }
    }
  }

  /** Where a weight lies, if not in a tensor of its own. */
  private Optional<MatrixRows> placeOf(String name) {
    return source().contains(name) ? Optional.empty() : Optional.ofNullable(places.get(name));
  }

  @Override
  public Set<String> names() {
    Set<String> names = new HashSet<>(source().names());
    Set<String> apart = new HashSet<>();
    places.forEach(
        (name, place) -> {
          if (!source().contains(name) && source().contains(place.stored())) {
            names.remove(place.stored());
            apart.add(name);
          }
        });
    names.addAll(apart);
    return names;
  }

  @Override
  public boolean contains(String name) {
    return source().contains(name)
        || placeOf(name).filter(place -> source().contains(place.stored())).isPresent();
  }

  @Override
  public Optional<Shape> shape(String name) {
    Optional<MatrixRows> place = placeOf(name);
    if (place.isEmpty()) {
      return source().shape(name);
    }
    long rows = place.get().rows() * place.get().times();
    return source()
        .shape(place.get().stored())
        .map(
            stored -> {
              if (!place.get().fits(stored)) {
                // who compares shapes sees what is there instead
                return stored;
              }
              return stored.rank() == 1
                  ? Shape.of(rows)
                  : Shape.of(rows, stored.axis(stored.rank() - 1));
            });
  }

  @Override
  public synchronized Tensor tensor(String name, Shape expected) {
    Optional<MatrixRows> found = placeOf(name);
    if (found.isEmpty()) {
      return source().tensor(name, expected);
    }
    MatrixRows place = found.get();
    if (expected.axis(0) != place.rows() * place.times()) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot give tensor '%s' %s: it has %d rows of '%s'."
              .formatted(name, expected, place.rows() * place.times(), place.stored()));
    }
    Shape shape = stored(place, expected);
    Tensor whole = source().tensor(place.stored(), shape);
    try {
      if (place.isLast()) {
        forget(place.stored());
      } else if (!begun.containsKey(place.stored())) {
        begun.put(place.stored(), source().tensor(place.stored(), shape));
      }
      Tensor flat = flat(whole, place, expected);
      if (place.times() == 1) {
        return Tensor.held(flat.rows(place.from(), place.rows()), whole::close);
      }
      Tensor copy = copied(flat, place, expected);
      whole.close();
      return copy;
    } catch (Throwable e) {
      whole.close();
      throw e;
    }
  }

  private void forget(String stored) {
    Tensor whole = begun.remove(stored);
    if (whole != null) {
      whole.close();
    }
  }

  /** The shape that the stored tensor must have; matrices of experts are a third axis there. */
  private Shape stored(MatrixRows place, Shape expected) {
    if (expected.rank() == 1) {
      return Shape.of(place.whole());
    }
    boolean stacked =
        source().shape(place.stored()).filter(shape -> shape.rank() == 3).isPresent()
            && place.step() == 0;
    return stacked
        ? Shape.of(place.whole() / place.rows(), place.rows(), expected.axis(1))
        : Shape.of(place.whole(), expected.axis(1));
  }

  private static Tensor flat(Tensor stored, MatrixRows place, Shape expected) {
    return stored.shape().rank() == expected.rank()
        ? stored
        : Tensor.view(
            stored.dtype(),
            Shape.of(place.whole(), expected.axis(1)),
            stored.memory(),
            stored.byteOffset());
  }

  private Tensor copied(Tensor whole, MatrixRows place, Shape expected) {
    long rowBytes = whole.dtype().bytes(whole.shape().rowElements());
    long bytes = rowBytes * place.rows();
    Tensor copy = Tensor.allocate(whole.dtype(), expected);
    copies.add(copy);
    for (int i = 0; i < place.times(); i++) {
      long row = place.from() + i * place.step();
      copy.memory().copyFrom(whole.memory(), whole.byteOffset() + row * rowBytes, i * bytes, bytes);
    }
    return Tensor.held(copy, () -> release(copy));
  }

  private synchronized void release(Tensor copy) {
    if (copies.remove(copy)) {
      copy.close();
    }
  }

  @Override
  public synchronized void close() {
    begun.values().forEach(Tensor::close);
    begun.clear();
    copies.forEach(Tensor::close);
    copies.clear();
    source().close();
  }
}
