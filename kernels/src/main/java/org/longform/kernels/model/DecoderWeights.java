package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
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
  // what was computed from the stored values
  private final List<Tensor> computed = new ArrayList<>();
  // what the device uses where it lies
  private final List<Tensor> stored = new ArrayList<>();
  private final List<LayerWeights> layers = new ArrayList<>();
  private Weight embedding;
  private Norm finalNorm;
  private Projection head;

  private DecoderWeights() {}

  /** A matrix and its bias, if it has one. */
  record Projection(Weight matrix, Optional<Weight> bias) {}

  /** The factors of a norm and its bias, if it has one. */
  record Norm(Weight gain, Optional<Weight> bias) {}

  /**
   * The matrices of a feed-forward part.
   *
   * @param gate null if it has none
   */
  record FeedForwardWeights(Projection gate, Projection up, Projection down) {}

  /** The router of sparse experts, (E, M), and the experts. */
  record ExpertWeights(Weight router, List<FeedForwardWeights> experts) {}

  /**
   * The weights of one layer.
   *
   * @param norms those that it has
   * @param feedForward null if it has experts
   * @param experts null if it has none
   */
  record LayerWeights(
      Map<NormPlace, Norm> norms,
      Projection query,
      Projection key,
      Projection value,
      Projection output,
      FeedForwardWeights feedForward,
      ExpertWeights experts) {}

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

  Norm finalNorm() {
    return finalNorm;
  }

  /** (V, M): the output matrix; the embedding itself if they are tied. */
  Projection head() {
    return head;
  }

  long ownedBytes() {
    return owned.stream().mapToLong(Weight::ownedBytes).sum()
        + computed.stream().mapToLong(tensor -> tensor.dtype().bytes(tensor.elements())).sum();
  }

  @Override
  public void close() {
    owned.forEach(Weight::close);
    owned.clear();
    computed.forEach(Tensor::close);
    computed.clear();
    stored.forEach(Tensor::close);
    stored.clear();
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
      finalNorm = norm(names.finalNorm(), spec.hidden());
      Weight matrix =
          spec.has(Trait.TIED_EMBEDDINGS)
              ? embedding
              : weight(names.head() + ".weight", spec.vocabulary(), spec.hidden());
      head = new Projection(matrix, bias(names.head(), Trait.HEAD_BIAS, spec.vocabulary()));
    }

    void loadLayers() {
      for (int layer = 0; layer < spec.layers(); layer++) {
        layers.add(layer(layer));
      }
    }

    private LayerWeights layer(int layer) {
      WeightNames.Attention attention = spec.names().attention();
      int hidden = spec.hidden();
      boolean sparse = spec.design().experts().isPresent();
      return new LayerWeights(
          norms(layer),
          projection(attention.query(), layer, Trait.QKV_BIAS, spec.queryWidth(layer), hidden),
          projection(attention.key(), layer, Trait.QKV_BIAS, spec.kvWidth(layer), hidden),
          projection(attention.value(), layer, Trait.QKV_BIAS, spec.kvWidth(layer), hidden),
          projection(attention.output(), layer, Trait.OUTPUT_BIAS, hidden, spec.queryWidth(layer)),
          sparse ? null : feedForward(layer),
          sparse ? experts(layer) : null);
    }

    private Map<NormPlace, Norm> norms(int layer) {
      Map<NormPlace, Norm> norms = new EnumMap<>(NormPlace.class);
      for (NormPlace place : spec.design().norms()) {
        String name = WeightNames.ofLayer(spec.names().norm(place), layer);
        norms.put(place, norm(name, WeightShapes.width(spec, layer, place)));
      }
      return norms;
    }

    private FeedForwardWeights feedForward(int layer) {
      WeightNames.FeedForward ffn = spec.names().feedForward();
      int hidden = spec.hidden();
      int inner = spec.intermediate(layer);
      return new FeedForwardWeights(
          spec.has(Trait.UNGATED)
              ? null
              : projection(ffn.gate(), layer, Trait.FFN_BIAS, inner, hidden),
          projection(ffn.up(), layer, Trait.FFN_BIAS, inner, hidden),
          projection(ffn.down(), layer, Trait.FFN_BIAS, hidden, inner));
    }

    private ExpertWeights experts(int layer) {
      WeightNames.Experts names = spec.names().experts().orElseThrow();
      int count = spec.design().experts().orElseThrow().count();
      int hidden = spec.hidden();
      int inner = spec.intermediate(layer);
      List<FeedForwardWeights> experts = new ArrayList<>();
      for (int e = 0; e < count; e++) {
        experts.add(
            new FeedForwardWeights(
                matrix(WeightNames.ofExpert(names.gate(), layer, e), inner, hidden),
                matrix(WeightNames.ofExpert(names.up(), layer, e), inner, hidden),
                matrix(WeightNames.ofExpert(names.down(), layer, e), hidden, inner)));
      }
      String router = WeightNames.ofLayer(names.router(), layer) + ".weight";
      return new ExpertWeights(weight(router, count, hidden), experts);
    }

    private Projection matrix(String name, long out, long in) {
      return new Projection(weight(name + ".weight", out, in), Optional.empty());
    }

    private Projection projection(String pattern, int layer, Trait biased, long out, long in) {
      String name = WeightNames.ofLayer(pattern, layer);
      return new Projection(weight(name + ".weight", out, in), bias(name, biased, out));
    }

    private Norm norm(String name, long size) {
      Weight gain =
          spec.has(Trait.NORMS_AROUND_ONE)
              ? aroundOne(name + ".weight", size)
              : weight(name + ".weight", size);
      return new Norm(gain, bias(name, Trait.NORM_BIAS, size));
    }

    private Optional<Weight> bias(String name, Trait biased, long size) {
      return spec.has(biased) ? Optional.of(weight(name + ".bias", size)) : Optional.empty();
    }

    /** What is stored is what the factors are more than 1. */
    private Weight aroundOne(String name, long size) {
      float[] values;
      try (Tensor lessOne = source.tensor(name, Shape.of(size))) {
        values = lessOne.toArray();
      }
      for (int i = 0; i < values.length; i++) {
        values[i] += 1;
      }
      Tensor factors = Tensor.of(values, size);
      computed.add(factors);
      return owned(kernels.weight(factors));
    }

    private Weight weight(String name, long... axes) {
      Tensor tensor = source.tensor(name, Shape.of(axes));
      stored.add(tensor);
      Weight weight = owned(kernels.weight(tensor));
      if (weight.ownedBytes() > 0) {
        // the device has made its own form of it
        stored.remove(stored.size() - 1);
        tensor.close();
      }
      return weight;
    }

    private Weight owned(Weight weight) {
      owned.add(weight);
      return weight;
    }
  }
}
