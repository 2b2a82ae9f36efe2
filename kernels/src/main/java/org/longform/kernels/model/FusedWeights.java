package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ForwardedWeights;
import org.longform.kernels.weights.WeightSource;

/**
 * The weights of a model of which some lie in one stored tensor, each under the name that it would
 * have alone. Rows that lie behind each other are read where they are; others are copied, in the
 * type that they are stored in. A file that has them apart is read as well.
 */
final class FusedWeights extends ForwardedWeights {
  private static final List<String> ENDS = List.of(".weight", ".bias");

  private final Map<String, Place> places = new HashMap<>();
  private final List<Memory> copies = new ArrayList<>();

  /**
   * Where a weight lies.
   *
   * @param stored name of the tensor
   * @param whole rows of the tensor, of all experts together
   * @param from its first row
   * @param rows how many of them lie behind each other
   * @param step from the first of them to the first of the next ones
   * @param times how often
   */
  private record Place(String stored, long whole, long from, long rows, long step, int times) {}

  private FusedWeights(WeightSource source, DecoderSpec spec) {
    super(source);
    StoredRows.ofFused(spec)
        .forEach((name, rows) -> ENDS.forEach(end -> places.put(name + end, place(rows, end))));
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

  private static Place place(StoredRows rows, String end) {
    return new Place(
        rows.stored() + end, rows.whole(), rows.from(), rows.rows(), rows.step(), rows.times());
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
            new Place(stored, count * rows, e * rows, rows, 0, 1));
      }
    }
  }

  /** Where a weight lies, if not in a tensor of its own. */
  private Optional<Place> placeOf(String name) {
    return source().contains(name) ? Optional.empty() : Optional.ofNullable(places.get(name));
  }

  @Override
  public Set<String> names() {
    Set<String> names = new HashSet<>(source().names());
    Set<String> apart = new HashSet<>();
    places.forEach(
        (name, place) -> {
          if (!source().contains(name) && source().contains(place.stored)) {
            names.remove(place.stored);
            apart.add(name);
          }
        });
    names.addAll(apart);
    return names;
  }

  @Override
  public boolean contains(String name) {
    return source().contains(name)
        || placeOf(name).filter(place -> source().contains(place.stored)).isPresent();
  }

  @Override
  public Optional<Shape> shape(String name) {
    Optional<Place> place = placeOf(name);
    if (place.isEmpty()) {
      return source().shape(name);
    }
    long rows = place.get().rows * place.get().times;
    return source()
        .shape(place.get().stored)
        .map(
            stored ->
                stored.rank() == 1
                    ? Shape.of(rows)
                    : Shape.of(rows, stored.axis(stored.rank() - 1)));
  }

  @Override
  public synchronized Tensor tensor(String name, Shape expected) {
    Optional<Place> found = placeOf(name);
    if (found.isEmpty()) {
      return source().tensor(name, expected);
    }
    Place place = found.get();
    if (expected.axis(0) != place.rows * place.times) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot give tensor '%s' %s: it has %d rows of '%s'."
              .formatted(name, expected, place.rows * place.times, place.stored));
    }
    Tensor whole = flat(source().tensor(place.stored, stored(place, expected)), place, expected);
    return place.times == 1 ? whole.rows(place.from, place.rows) : copied(whole, place, expected);
  }

  /** The shape that the stored tensor must have; matrices of experts are a third axis there. */
  private Shape stored(Place place, Shape expected) {
    if (expected.rank() == 1) {
      return Shape.of(place.whole);
    }
    boolean stacked =
        source().shape(place.stored).filter(shape -> shape.rank() == 3).isPresent()
            && place.step == 0;
    return stacked
        ? Shape.of(place.whole / place.rows, place.rows, expected.axis(1))
        : Shape.of(place.whole, expected.axis(1));
  }

  private static Tensor flat(Tensor stored, Place place, Shape expected) {
    return stored.shape().rank() == expected.rank()
        ? stored
        : Tensor.view(
            stored.dtype(),
            Shape.of(place.whole, expected.axis(1)),
            stored.memory(),
            stored.byteOffset());
  }

  private Tensor copied(Tensor whole, Place place, Shape expected) {
    long rowBytes = whole.dtype().bytes(whole.shape().rowElements());
    int bytes = Math.toIntExact(rowBytes * place.rows);
    Memory memory = Memory.allocate((long) bytes * place.times);
    copies.add(memory);
    byte[] some = new byte[bytes];
    for (int i = 0; i < place.times; i++) {
      long row = place.from + i * place.step;
      whole.memory().readBytes(whole.byteOffset() + row * rowBytes, some, 0, bytes);
      memory.writeBytes((long) i * bytes, some, 0, bytes);
    }
    return Tensor.view(whole.dtype(), expected, memory, 0);
  }

  @Override
  public synchronized void close() {
    copies.forEach(Memory::close);
    copies.clear();
    source().close();
  }
}
