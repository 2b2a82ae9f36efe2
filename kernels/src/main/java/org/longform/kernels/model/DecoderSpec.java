package org.longform.kernels.model;

import java.util.List;
import java.util.Set;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.KvShape;
import org.longform.kernels.context.ModelLimits;

/**
 * Everything that distinguishes one decoder-only transformer from another, as data.
 *
 * @param family name of the {@link ModelFamily}
 * @param vocabulary number of token ids, V
 * @param hidden width of the residual stream, M
 * @param headDim dimensions of a head, D; H*D need not be M
 * @param layerShapes heads and feed-forward width of each layer; never modified
 * @param normEpsilon added to the mean square in RMSNorm
 * @param rope positions
 * @param trainedWindow tokens the model was trained to read at once, before any length scaling
 * @param traits what it has beside the plain matrices
 * @param names of the weights in the model files
 */
public record DecoderSpec(
    String family,
    int vocabulary,
    int hidden,
    int headDim,
    List<LayerShape> layerShapes,
    double normEpsilon,
    RopeSpec rope,
    long trainedWindow,
    Set<Trait> traits,
    WeightNames names) {

  /** A part that a model may have or lack. */
  public enum Trait {
    /** The token embedding is the output matrix too. */
    TIED_EMBEDDINGS,
    /** Biases on the query, key and value projections. */
    QKV_BIAS,
    /** A bias on the attention's output projection. */
    OUTPUT_BIAS,
    /** Biases on the three feed-forward projections. */
    FFN_BIAS
  }

  public DecoderSpec {
    traits = Set.copyOf(traits);
  }

  public boolean has(Trait trait) {
    return traits.contains(trait);
  }

  /** What the defaults of context strategies depend on. */
  public ModelLimits limits() {
    return new ModelLimits(trainedWindow, layers(), rope.flow());
  }

  /** The same model stored in another way: its weights have other names and other pairs of rows. */
  DecoderSpec stored(WeightNames otherNames, RopeSpec otherRope, Set<Trait> otherTraits) {
    return new DecoderSpec(
        family,
        vocabulary,
        hidden,
        headDim,
        layerShapes,
        normEpsilon,
        otherRope,
        trainedWindow,
        otherTraits,
        otherNames);
  }

  /** The same model with another width and layers of other sizes. */
  public DecoderSpec shaped(int otherHidden, List<LayerShape> otherShapes) {
    return new DecoderSpec(
        family,
        vocabulary,
        otherHidden,
        headDim,
        otherShapes,
        normEpsilon,
        rope,
        trainedWindow,
        traits,
        names);
  }

  /** A model of one of the layers alone, which has index 0 there. */
  DecoderSpec ofLayer(int layer) {
    return shaped(hidden, List.of(layer(layer))).stored(names.ofLayer(layer), rope, traits);
  }

  /** Number of layers. */
  public int layers() {
    return layerShapes.size();
  }

  public LayerShape layer(int layer) {
    return layerShapes.get(layer);
  }

  /** H*D: width of a layer's queries and of its attention's output. */
  public int queryWidth(int layer) {
    return layer(layer).heads() * headDim;
  }

  /** G*D: width of a layer's keys and of its values. */
  public int kvWidth(int layer) {
    return layer(layer).kvHeads() * headDim;
  }

  /** I: width of a layer's feed-forward part. */
  public int intermediate(int layer) {
    return layer(layer).intermediate();
  }

  /** Factor on q·k. */
  public double attentionScale() {
    return 1 / Math.sqrt(headDim);
  }

  /** Sizes of a cache that stores keys and values in this way. */
  public KvShape kvShape(KvDType dtype) {
    return new KvShape(
        layerShapes.stream().mapToInt(LayerShape::kvHeads).toArray(), headDim, dtype);
  }
}
