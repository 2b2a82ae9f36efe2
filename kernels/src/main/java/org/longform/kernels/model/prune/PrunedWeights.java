package org.longform.kernels.model.prune;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ComputedWeights;
import org.longform.kernels.weights.WeightSource;

/** The weights without the rows and columns of units that were removed; every member of a group. */
final class PrunedWeights extends ComputedWeights {
  private final Map<String, Cut> cuts = new HashMap<>();

  /**
   * What stays of a matrix; of a vector only rows.
   *
   * @param rows null for all
   * @param columns null for all
   */
  private record Cut(int[] rows, int[] columns) {}

  /**
   * @param spec of the model as the source has it
   */
  PrunedWeights(WeightSource source, DecoderSpec spec, Kept kept) {
    super(source);
    int[] hidden = stretches(kept.hidden(), 1);
    cut(spec.names().embedding(), null, hidden);
    cut(spec.names().head(), null, hidden);
    cut(spec.names().finalNorm(), hidden, null);
    for (int layer = 0; layer < kept.kvHeads().size(); layer++) {
      int sharers = spec.layer(layer).heads() / spec.layer(layer).kvHeads();
      WeightNames.Attention attention = spec.names().attention();
      WeightNames.FeedForward ffn = spec.names().feedForward();
      int[] keys = stretches(kept.kvHeads().get(layer), spec.headDim());
      int[] queries = stretches(kept.kvHeads().get(layer), sharers * spec.headDim());
      int[] inner = stretches(kept.channels().get(layer), 1);
      cut(attention.norm().formatted(layer), hidden, null);
      cut(attention.query().formatted(layer), queries, hidden);
      cut(attention.key().formatted(layer), keys, hidden);
      cut(attention.value().formatted(layer), keys, hidden);
      cut(attention.output().formatted(layer), hidden, queries);
      cut(ffn.norm().formatted(layer), hidden, null);
      cut(ffn.gate().formatted(layer), inner, hidden);
      cut(ffn.up().formatted(layer), inner, hidden);
      cut(ffn.down().formatted(layer), hidden, inner);
    }
  }

  /** The places of units that take {@code width} neighbouring places each. */
  private static int[] stretches(List<Integer> units, int width) {
    int[] places = new int[units.size() * width];
    for (int i = 0; i < places.length; i++) {
      places[i] = units.get(i / width) * width + i % width;
    }
    return places;
  }

  private void cut(String name, int[] rows, int[] columns) {
    cuts.put(name + ".weight", new Cut(rows, columns));
    cuts.put(name + ".bias", new Cut(rows, null));
  }

  @Override
  protected boolean changes(String name) {
    return cuts.containsKey(name);
  }

  @Override
  protected Shape changedShape(String name, Shape stored) {
    Cut cut = cuts.get(name);
    long rows = cut.rows == null ? stored.axis(0) : cut.rows.length;
    if (stored.rank() == 1) {
      return Shape.of(rows);
    }
    return Shape.of(rows, cut.columns == null ? stored.axis(1) : cut.columns.length);
  }

  @Override
  protected void change(String name, Tensor stored, Tensor target) {
    Cut cut = cuts.get(name);
    float[] whole = new float[Math.toIntExact(stored.shape().rowElements())];
    float[] kept = new float[Math.toIntExact(target.shape().rowElements())];
    for (int row = 0; row < target.rows(); row++) {
      stored.read((long) (cut.rows == null ? row : cut.rows[row]) * whole.length, whole);
      for (int column = 0; column < kept.length; column++) {
        kept[column] = whole[cut.columns == null ? column : cut.columns[column]];
      }
      target.write((long) row * kept.length, kept);
    }
  }
}
