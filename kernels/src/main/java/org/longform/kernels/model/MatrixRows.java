package org.longform.kernels.model;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.tensor.Shape;

/**
 * Where the rows of a weight lie in a stored matrix.
 *
 * @param stored name of the matrix, without an ending
 * @param whole rows of the matrix
 * @param from the first of the weight's
 * @param rows how many of them lie behind each other
 * @param step from the first of them to the first of the next ones
 * @param times how often
 */
public record MatrixRows(String stored, long whole, long from, long rows, long step, int times) {

  /** A weight that is the whole matrix. */
  public static MatrixRows all(String stored, long rows) {
    return new MatrixRows(stored, rows, 0, rows, rows, 1);
  }

  /** The same rows of what is stored under the name with an ending. */
  MatrixRows ending(String ending) {
    return new MatrixRows(stored + ending, whole, from, rows, step, times);
  }

  /** The row of the stored matrix that a row of the weight is. */
  public long of(long row) {
    return from + row / rows * step + row % rows;
  }

  /** Whether these are the last rows of the matrix. */
  boolean isLast() {
    return from + rows == (times == 1 ? whole : step);
  }

  /** Whether a stored tensor has the rows that it must have. */
  boolean fits(Shape tensor) {
    return tensor.rank() == 3
        ? tensor.axis(1) == rows && tensor.axis(0) == whole / rows
        : tensor.rank() > 0 && tensor.axis(0) == whole;
  }

  /** Those of all weights that a model stores with others in one matrix, by their names. */
  public static Map<String, MatrixRows> ofFused(DecoderSpec spec) {
    Map<String, MatrixRows> all = new HashMap<>();
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (WeightNames.Fused fused : spec.names().fused()) {
        all.putAll(of(spec, layer, fused));
      }
    }
    return all;
  }

  private static Map<String, MatrixRows> of(DecoderSpec spec, int layer, WeightNames.Fused fused) {
    Map<String, Shape> shapes = WeightShapes.of(spec.ofLayer(layer));
    int times = FusedWeights.times(spec, layer, fused.order());
    List<String> parts =
        fused.parts().stream().map(part -> WeightNames.ofLayer(part, layer)).toList();
    String stored = WeightNames.ofLayer(fused.stored(), layer);
    long whole = parts.stream().mapToLong(part -> shapes.get(part + ".weight").axis(0)).sum();
    Map<String, MatrixRows> places = new HashMap<>();
    long from = 0;
    for (String part : parts) {
      long rows = shapes.get(part + ".weight").axis(0) / times;
      places.put(part, new MatrixRows(stored, whole, from, rows, whole / times, times));
      from += rows;
    }
    return places;
  }
}
