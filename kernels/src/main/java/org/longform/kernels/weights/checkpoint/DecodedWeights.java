package org.longform.kernels.weights.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ForwardedWeights;
import org.longform.kernels.weights.SafetensorsWeights;

/**
 * The weights of a checkpoint by the names that plain ones have. Each matrix that is stored in
 * another way is turned into a type of the engine's own when it is asked for, and kept while
 * anybody holds it: several parts of a matrix share it, and of a model that is loaded only one
 * matrix at a time is in memory in both forms. Tensors of other modules are views of the files.
 */
final class DecodedWeights extends ForwardedWeights {
  private static final String WEIGHT = ".weight";

  private final Path place;
  private final SafetensorsWeights stored;
  private final ModuleLayout layout;
  private final Map<String, StoredModule> modules = new HashMap<>();
  private final Set<String> names = new LinkedHashSet<>();
  // of the matrices that were asked for
  private final Map<String, MatrixTurn.Outcome> outcomes = new TreeMap<>();
  private final Map<String, Held> held = new HashMap<>();

  /** A matrix in memory. */
  private static final class Held {
    private final Tensor tensor;
    private int holders;

    Held(Tensor tensor) {
      this.tensor = tensor;
    }
  }

  DecodedWeights(Path place, SafetensorsWeights stored, ModuleLayout layout) {
    super(stored);
    this.place = place;
    this.stored = stored;
    this.layout = layout;
    stored.names().forEach(this::take);
    for (String weight : modules.keySet()) {
      if (!names.add(weight)) {
        throw QuantisationConfig.failed(
            place,
            ErrorClass.INVALID_MODEL,
            "matrix '%s' is there twice, plain and quantised".formatted(weight));
      }
    }
  }

  private void take(String name) {
    String ending =
        layout.endings().stream()
            .filter(name::endsWith)
            .findFirst()
            .orElse(name.endsWith(WEIGHT) ? WEIGHT : "");
    if (!ending.isEmpty() && layout.isMain(ending, stored.dtype(name))) {
      String module = name.substring(0, name.length() - ending.length());
      modules.put(module + WEIGHT, new StoredModule(place, stored, module));
    } else if (ending.isEmpty() || ending.equals(WEIGHT)) {
      names.add(name);
    }
  }

  @Override
  public Set<String> names() {
    return Set.copyOf(names);
  }

  @Override
  public boolean contains(String name) {
    return names.contains(name);
  }

  @Override
  public Optional<Shape> shape(String name) {
    StoredModule module = modules.get(name);
    if (module != null) {
      return Optional.of(layout.shape(module));
    }
    return contains(name) ? stored.shape(name) : Optional.empty();
  }

  @Override
  public synchronized Tensor tensor(String name, Shape expected) {
    StoredModule module = modules.get(name);
    if (module == null) {
      return stored.tensor(name, expected);
    }
    Shape shape = layout.shape(module);
    if (!shape.equals(expected)) {
      throw module.invalid(
          "the tensors of '%s' are of a matrix %s, expected %s"
              .formatted(module.name(), shape, expected));
    }
    Held matrix = held.computeIfAbsent(name, key -> new Held(turned(name, module)));
    matrix.holders++;
    AtomicBoolean closed = new AtomicBoolean();
    return Tensor.held(
        matrix.tensor,
        () -> {
          if (closed.compareAndSet(false, true)) {
            release(name, matrix);
          }
        });
  }

  private Tensor turned(String name, StoredModule module) {
    try (QuantisedMatrix matrix = layout.open(module)) {
      MatrixTurn.Turned result = MatrixTurn.of(module, matrix);
      outcomes.put(name, result.outcome());
      return result.tensor();
    }
  }

  private synchronized void release(String name, Held matrix) {
    if (--matrix.holders == 0) {
      held.remove(name, matrix);
      matrix.tensor.close();
    }
  }

  @Override
  public synchronized List<String> storageNotes() {
    List<String> sentences = new ArrayList<>();
    sentences.add(
        "Weights are stored as %s, in %d matrices".formatted(layout.description(), modules.size()));
    Map<String, long[]> counts = new LinkedHashMap<>();
    for (MatrixTurn.Outcome outcome : outcomes.values()) {
      long[] count = counts.computeIfAbsent(outcome.told(), key -> new long[2]);
      count[0]++;
      count[1] += outcome.bytes();
    }
    counts.forEach(
        (told, count) ->
            sentences.add(
                String.format(
                    Locale.ROOT,
                    "%d of them became %s: %,d bytes in memory",
                    count[0],
                    told,
                    count[1])));
    return sentences;
  }

  @Override
  public synchronized void close() {
    held.values().forEach(each -> each.tensor.close());
    held.clear();
    stored.close();
  }
}
