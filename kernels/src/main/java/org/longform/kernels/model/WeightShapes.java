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

  /** The width of a norm of a layer. */
  static long width(DecoderSpec spec, int layer, NormPlace place) {
    boolean wide = spec.has(Trait.WIDE_QUERY_KEY_NORMS);
    return switch (place) {
      case QUERY -> wide ? spec.queryWidth(layer) : spec.headDim();
      case KEY -> wide ? spec.kvWidth(layer) : spec.headDim();
      default -> spec.hidden();
    };
  }

  private void collect() {
    WeightNames names = spec.names();
    weight(names.embedding(), spec.vocabulary(), spec.hidden());
    for (int layer = 0; layer < spec.layers(); layer++) {
      attention(layer);
      if (names.experts().isPresent()) {
        experts(layer, names.experts().get());
      } else {
        feedForward(layer);
      }
      norm(layer, NormPlace.AFTER_FEED_FORWARD);
    }
    vector(names.finalNorm(), spec.hidden(), Trait.NORM_BIAS);
    if (!spec.has(Trait.TIED_EMBEDDINGS)) {
      weight(names.head(), spec.vocabulary(), spec.hidden());
    }
    if (spec.has(Trait.HEAD_BIAS)) {
      shapes.put(names.head() + ".bias", Shape.of(spec.vocabulary()));
    }
  }

  private void attention(int layer) {
    WeightNames.Attention attention = spec.names().attention();
    int hidden = spec.hidden();
    norm(layer, NormPlace.ATTENTION);
    projection(attention.query(), layer, Trait.QKV_BIAS, spec.queryWidth(layer), hidden);
    projection(attention.key(), layer, Trait.QKV_BIAS, spec.kvWidth(layer), hidden);
    projection(attention.value(), layer, Trait.QKV_BIAS, spec.kvWidth(layer), hidden);
    norm(layer, NormPlace.QUERY);
    norm(layer, NormPlace.KEY);
    projection(attention.output(), layer, Trait.OUTPUT_BIAS, hidden, spec.queryWidth(layer));
    norm(layer, NormPlace.AFTER_ATTENTION);
    norm(layer, NormPlace.FEED_FORWARD);
  }

  private void feedForward(int layer) {
    WeightNames.FeedForward ffn = spec.names().feedForward();
    int hidden = spec.hidden();
    int inner = spec.intermediate(layer);
    if (!spec.has(Trait.UNGATED)) {
      projection(ffn.gate(), layer, Trait.FFN_BIAS, inner, hidden);
    }
    projection(ffn.up(), layer, Trait.FFN_BIAS, inner, hidden);
    projection(ffn.down(), layer, Trait.FFN_BIAS, hidden, inner);
  }

  private void experts(int layer, WeightNames.Experts experts) {
    int count = spec.design().experts().orElseThrow().count();
    int hidden = spec.hidden();
    int inner = spec.intermediate(layer);
    weight(WeightNames.ofLayer(experts.router(), layer), count, hidden);
    for (int e = 0; e < count; e++) {
      weight(WeightNames.ofExpert(experts.gate(), layer, e), inner, hidden);
      weight(WeightNames.ofExpert(experts.up(), layer, e), inner, hidden);
      weight(WeightNames.ofExpert(experts.down(), layer, e), hidden, inner);
    }
  }

  private void norm(int layer, NormPlace place) {
    if (spec.design().norms().contains(place)) {
      String name = WeightNames.ofLayer(spec.names().norm(place), layer);
      vector(name, width(spec, layer, place), Trait.NORM_BIAS);
    }
  }

  private void vector(String name, long size, Trait biased) {
    weight(name, size);
    if (spec.has(biased)) {
      shapes.put(name + ".bias", Shape.of(size));
    }
  }

  private void projection(String pattern, int layer, Trait biased, long out, long in) {
    String name = WeightNames.ofLayer(pattern, layer);
    weight(name, out, in);
    if (spec.has(biased)) {
      shapes.put(name + ".bias", Shape.of(out));
    }
  }

  private void weight(String name, long... axes) {
    shapes.put(name + ".weight", Shape.of(axes));
  }
}
