package org.longform.kernels.model.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.model.MatrixRows;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ComputedWeights;
import org.longform.kernels.weights.SafetensorsWeights;
import org.longform.kernels.weights.WeightSource;

/** The weights of a model with an adapter added, computed when they are asked for. */
final class MergedWeights extends ComputedWeights {
  private static final String WEIGHT = ".weight";

  /** What changed weights become. */
  enum Precision {
    FLOAT32,
    /** Float32 where they were; float16 otherwise, unless that is not as good. */
    NARROW
  }

  /**
   * What is added.
   *
   * @param changes for each matrix that gets scale * B A, without its ending
   * @param replaced the adapter's tensor for each weight that it has whole
   */
  record Adapter(
      Path directory,
      SafetensorsWeights tensors,
      AdapterConfig config,
      Map<String, Change> changes,
      Map<String, String> replaced) {}

  /**
   * What is added to a weight.
   *
   * @param module of the adapter
   * @param rows of its B A that belong to the weight
   */
  record Change(String module, MatrixRows rows) {}

  private final Adapter adapter;
  private final Precision precision;
  private final Map<String, DType> stored = new TreeMap<>();
  private final Map<String, DType> given = new TreeMap<>();

  MergedWeights(WeightSource source, Adapter adapter, Precision precision) {
    super(source);
    this.adapter = adapter;
    this.precision = precision;
  }

  private static String module(String name) {
    return name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
  }

  private boolean addsTo(String name) {
    return name.endsWith(WEIGHT) && adapter.changes.containsKey(module(name));
  }

  @Override
  protected boolean changes(String name) {
    return addsTo(name) || adapter.replaced.containsKey(name);
  }

  @Override
  protected Shape changedShape(String name, Shape storedShape) {
    return storedShape;
  }

  @Override
  protected boolean mayRound(Tensor whole) {
    return precision == Precision.NARROW && whole.dtype() != DType.F32 && whole.shape().rank() == 2;
  }

  @Override
  protected void change(String name, Tensor whole, Tensor target) {
    stored.put(name, whole.dtype());
    String instead = adapter.replaced.get(name);
    if (instead == null) {
      copy(whole, target);
    } else {
      copy(factor(instead, whole.shape()), target);
    }
    if (addsTo(name)) {
      add(adapter.changes.get(module(name)), target);
    }
  }

  private static void copy(Tensor from, Tensor to) {
    float[] row = new float[Math.toIntExact(from.shape().rowElements())];
    for (long r = 0; r < from.rows(); r++) {
      from.read(r * row.length, row);
      to.write(r * row.length, row);
    }
  }

  private void add(Change change, Tensor target) {
    int rows = Math.toIntExact(target.shape().axis(0));
    int columns = Math.toIntExact(target.shape().axis(1));
    int rank = adapter.config.rankOf(change.module);
    double scale = adapter.config.scaleOf(change.module);
    String name = LoraAdapter.PREFIX + change.module;
    float[] a = factor(name + LoraAdapter.A, Shape.of(rank, columns)).toArray();
    float[] b = factor(name + LoraAdapter.B, Shape.of(change.rows.whole(), rank)).toArray();
    IntStream.range(0, rows)
        .parallel()
        .forEach(
            o -> {
              double[] sum = new double[columns];
              int of = Math.toIntExact(change.rows.of(o));
              for (int k = 0; k < rank; k++) {
                double factor = b[of * rank + k];
                for (int i = 0; i < columns; i++) {
                  sum[i] += factor * a[k * columns + i];
                }
              }
              float[] row = new float[columns];
              target.read((long) o * columns, row);
              for (int i = 0; i < columns; i++) {
                row[i] = (float) (row[i] + scale * sum[i]);
              }
              target.write((long) o * columns, row);
            });
  }

  /** A tensor of the adapter, whose numbers are all finite. */
  private Tensor factor(String name, Shape shape) {
    Tensor tensor = adapter.tensors.tensor(name, shape);
    float[] row = new float[Math.toIntExact(shape.rowElements())];
    for (long r = 0; r < tensor.rows(); r++) {
      tensor.read(r * row.length, row);
      for (float value : row) {
        if (!Float.isFinite(value)) {
          throw AdapterConfig.refused(
              adapter.directory,
              ErrorClass.INVALID_MODEL,
              "tensor '%s' holds %s, expected finite numbers".formatted(name, value));
        }
      }
    }
    return tensor;
  }

  @Override
  protected void computed(String name, Tensor tensor) {
    given.put(name, tensor.dtype());
  }

  @Override
  public synchronized List<String> storageNotes() {
    List<String> sentences = new ArrayList<>(super.storageNotes());
    sentences.add(
        "Adapter '%s' changes %d weights and replaces %d"
            .formatted(adapter.directory, adapter.changes.size(), adapter.replaced.size()));
    Map<String, Long> counts =
        given.keySet().stream()
            .collect(
                Collectors.groupingBy(
                    name -> "from %s to %s".formatted(stored.get(name), given.get(name)),
                    TreeMap::new,
                    Collectors.counting()));
    counts.forEach(
        (types, count) ->
            sentences.add(
                String.format(
                    Locale.ROOT, "%,d of them went %s, in memory of this process", count, types)));
    return sentences;
  }

  @Override
  public long bytes() {
    return source().bytes() + adapter.tensors.bytes();
  }

  @Override
  protected void closeOthers() {
    adapter.tensors.close();
  }
}
