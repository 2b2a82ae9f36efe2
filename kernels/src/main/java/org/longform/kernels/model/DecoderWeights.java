package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.WeightSource;

/** All weights of a model in the device's form. */
final class DecoderWeights implements AutoCloseable {
  private final List<Weight> owned = new ArrayList<>();
  private final List<LayerWeights> layers = new ArrayList<>();
  private Weight embedding;
  private Weight finalNorm;
  private Weight head;

  private DecoderWeights() {}

  /** A matrix and its bias, if it has one. */
  record Projection(Weight matrix, Optional<Weight> bias) {}

  /** The weights of one layer, in the order they are used. */
  record LayerWeights(
      Weight attentionNorm,
      Projection query,
      Projection key,
      Projection value,
      Projection output,
      Weight ffnNorm,
      Projection gate,
      Projection up,
      Projection down) {}

  static DecoderWeights load(DecoderSpec spec, WeightSource source, Kernels kernels) {
    DecoderWeights weights = new DecoderWeights();
    try {
      Loader loader = weights.new Loader(spec, source, kernels);
      loader.loadEnds();
      loader.loadLayers();
      return weights;
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  /** The layers alone: there is no embedding, final norm and head. */
  static DecoderWeights loadLayers(DecoderSpec spec, WeightSource source, Kernels kernels) {
    DecoderWeights weights = new DecoderWeights();
    try {
      weights.new Loader(spec, source, kernels).loadLayers();
      return weights;
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  Weight embedding() {
    return embedding;
  }

  LayerWeights layer(int index) {
    return layers.get(index);
  }

  Weight finalNorm() {
    return finalNorm;
  }

  /** (V, M): the output matrix; the embedding itself if they are tied. */
  Weight head() {
    return head;
  }

  long ownedBytes() {
    return owned.stream().mapToLong(Weight::ownedBytes).sum();
  }

  @Override
  public void close() {
    for (Weight weight : owned) {
      weight.close();
    }
    owned.clear();
  }

  /** Asks the source for every weight by name and shape. */
  private final class Loader {
    private final DecoderSpec spec;
    private final WeightSource source;
    private final Kernels kernels;

    Loader(DecoderSpec spec, WeightSource source, Kernels kernels) {
      this.spec = spec;
      this.source = source;
      this.kernels = kernels;
    }

    void loadEnds() {
      WeightNames names = spec.names();
      embedding = weight(names.embedding() + ".weight", spec.vocabulary(), spec.hidden());
      finalNorm = weight(names.finalNorm() + ".weight", spec.hidden());
      head =
          spec.has(Trait.TIED_EMBEDDINGS)
              ? embedding
              : weight(names.head() + ".weight", spec.vocabulary(), spec.hidden());
    }

    void loadLayers() {
      for (int layer = 0; layer < spec.layers(); layer++) {
        layers.add(layer(layer));
      }
    }

    private LayerWeights layer(int layer) {
      WeightNames.Attention attention = spec.names().attention();
      WeightNames.FeedForward ffn = spec.names().feedForward();
      int hidden = spec.hidden();
      int inner = spec.intermediate(layer);
      return new LayerWeights(
          weight(attention.norm().formatted(layer) + ".weight", hidden),
          projection(attention.query(), layer, Trait.QKV_BIAS, spec.queryWidth(layer), hidden),
          projection(attention.key(), layer, Trait.QKV_BIAS, spec.kvWidth(layer), hidden),
          projection(attention.value(), layer, Trait.QKV_BIAS, spec.kvWidth(layer), hidden),
          projection(attention.output(), layer, Trait.OUTPUT_BIAS, hidden, spec.queryWidth(layer)),
          weight(ffn.norm().formatted(layer) + ".weight", hidden),
          projection(ffn.gate(), layer, Trait.FFN_BIAS, inner, hidden),
          projection(ffn.up(), layer, Trait.FFN_BIAS, inner, hidden),
          projection(ffn.down(), layer, Trait.FFN_BIAS, hidden, inner));
    }

    private Projection projection(String pattern, int layer, Trait biased, long out, long in) {
      String name = pattern.formatted(layer);
      Weight matrix = weight(name + ".weight", out, in);
      return new Projection(
          matrix, spec.has(biased) ? Optional.of(weight(name + ".bias", out)) : Optional.empty());
    }

    private Weight weight(String name, long... axes) {
      Tensor stored = source.tensor(name, Shape.of(axes));
      Weight weight = kernels.weight(stored);
      owned.add(weight);
      if (weight.ownedBytes() > 0) {
        // the device has made its own form of it
        stored.close();
      }
      return weight;
    }
  }
}
