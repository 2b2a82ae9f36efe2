package org.longform.kernels.model;

import java.util.Set;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.KvShape;

/**
 * Everything that distinguishes one decoder-only transformer from another, as data.
 *
 * @param family name of the {@link ModelFamily}
 * @param vocabulary number of token ids, V
 * @param hidden width of the residual stream, M
 * @param layers number of layers
 * @param heads query heads, H
 * @param kvHeads key/value heads, G; divides H
 * @param headDim dimensions of a head, D; H*D need not be M
 * @param intermediate width of the feed-forward part, I
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
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    int intermediate,
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

  /** The same model stored in another way: its weights have other names and other pairs of rows. */
  DecoderSpec stored(WeightNames otherNames, RopeSpec otherRope, Set<Trait> otherTraits) {
    return new DecoderSpec(
        family,
        vocabulary,
        hidden,
        layers,
        heads,
        kvHeads,
        headDim,
        intermediate,
        normEpsilon,
        otherRope,
        trainedWindow,
        otherTraits,
        otherNames);
  }

  /** A model of one of the layers alone, which has index 0 there. */
  DecoderSpec ofLayer(int layer) {
    return new DecoderSpec(
        family,
        vocabulary,
        hidden,
        1,
        heads,
        kvHeads,
        headDim,
        intermediate,
        normEpsilon,
        rope,
        trainedWindow,
        traits,
        names.ofLayer(layer));
  }

  /** H*D: width of the queries and of the attention's output. */
  public int queryWidth() {
    return heads * headDim;
  }

  /** G*D: width of the keys and of the values. */
  public int kvWidth() {
    return kvHeads * headDim;
  }

  /** Factor on q·k. */
  public double attentionScale() {
    return 1 / Math.sqrt(headDim);
  }

  /** Sizes of a cache that stores keys and values in this way. */
  public KvShape kvShape(KvDType dtype) {
    return new KvShape(layers, kvHeads, headDim, dtype);
  }
}
