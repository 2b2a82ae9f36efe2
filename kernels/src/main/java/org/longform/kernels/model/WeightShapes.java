package org.longform.kernels.model;

import java.util.LinkedHashMap;
import java.util.Map;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.tensor.Shape;

/** The weights that a model has, as its spec tells. */
public final class WeightShapes {
  private final DecoderSpec spec;
  private final Map<String, Shape> shapes = new LinkedHashMap<>();

  private WeightShapes(DecoderSpec spec) {
    this.spec = spec;
  }

  /** The shape of every weight by its name, in the order in which a token meets them. */
  public static Map<String, Shape> of(DecoderSpec spec) {
    WeightShapes all = new WeightShapes(spec);
    all.collect();
    return all.shapes;
  }

  private void collect() {
    WeightNames names = spec.names();
    weight(names.embedding(), spec.vocabulary(), spec.hidden());
    for (int layer = 0; layer < spec.layers(); layer++) {
      layer(layer);
    }
    weight(names.finalNorm(), spec.hidden());
    if (!spec.has(Trait.TIED_EMBEDDINGS)) {
      weight(names.head(), spec.vocabulary(), spec.hidden());
    }
  }

  private void layer(int layer) {
    WeightNames.Attention attention = spec.names().attention();
    WeightNames.FeedForward ffn = spec.names().feedForward();
    int hidden = spec.hidden();
    int inner = spec.intermediate(layer);
    weight(attention.norm().formatted(layer), hidden);
    projection(attention.query().formatted(layer), Trait.QKV_BIAS, spec.queryWidth(layer), hidden);
    projection(attention.key().formatted(layer), Trait.QKV_BIAS, spec.kvWidth(layer), hidden);
    projection(attention.value().formatted(layer), Trait.QKV_BIAS, spec.kvWidth(layer), hidden);
    projection(
        attention.output().formatted(layer), Trait.OUTPUT_BIAS, hidden, spec.queryWidth(layer));
    weight(ffn.norm().formatted(layer), hidden);
    projection(ffn.gate().formatted(layer), Trait.FFN_BIAS, inner, hidden);
    projection(ffn.up().formatted(layer), Trait.FFN_BIAS, inner, hidden);
    projection(ffn.down().formatted(layer), Trait.FFN_BIAS, hidden, inner);
  }

  private void projection(String name, Trait biased, long out, long in) {
    weight(name, out, in);
    if (spec.has(biased)) {
      shapes.put(name + ".bias", Shape.of(out));
    }
  }

  private void weight(String name, long... axes) {
    shapes.put(name + ".weight", Shape.of(axes));
  }
}
