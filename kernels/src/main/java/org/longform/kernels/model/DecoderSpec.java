package org.longform.kernels.model;

import java.util.Collections;
import java.util.EnumSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.KvShape;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;

/**
 * Everything that distinguishes one decoder-only transformer from another, as data.
 *
 * @param family name of the {@link ModelFamily}
 * @param vocabulary number of token ids, V
 * @param hidden width of the residual stream, M
 * @param headDim dimensions of a head, D; H*D need not be M
 * @param layerShapes heads and feed-forward width of each layer; never modified
 * @param normEpsilon added to the mean square in RMSNorm, or to the variance in LayerNorm
 * @param rope positions of the layers that see everything; {@link RopeSpec#NONE} if they have
 *     linear biases
 * @param trainedWindow tokens the model was trained to read at once, before any length scaling
 * @param traits what it has beside the plain matrices
 * @param names of the weights in the model files
 * @param design how all layers compute
 * @param reaches how far each layer sees; never modified
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
    WeightNames names,
    LayerDesign design,
    List<LayerReach> reaches) {

  /** A part that a model may have or lack. */
  public enum Trait {
    /** The token embedding is the output matrix too. */
    TIED_EMBEDDINGS,
    /** Biases on the query, key and value projections. */
    QKV_BIAS,
    /** A bias on the attention's output projection. */
    OUTPUT_BIAS,
    /** Biases on the feed-forward projections. */
    FFN_BIAS,
    /** A bias on the scores of tokens. */
    HEAD_BIAS,
    /** Biases on all norms. */
    NORM_BIAS,
    /** The files hold what the factors of norms are more than 1. */
    NORMS_AROUND_ONE,
    /** Norms of queries and keys go over all heads together. */
    WIDE_QUERY_KEY_NORMS,
    /** The feed-forward part has no gate: up, activation, down. */
    UNGATED,
    /** Both halves of a layer get the same: the feed-forward half does not see the attention. */
    PARALLEL
  }

  // what gradients, pruning and scales that move between matrices know of
  private static final Set<Trait> PLAIN =
      Collections.unmodifiableSet(
          EnumSet.of(Trait.TIED_EMBEDDINGS, Trait.QKV_BIAS, Trait.OUTPUT_BIAS, Trait.FFN_BIAS));

  public DecoderSpec {
    traits = Set.copyOf(traits);
  }

  public boolean has(Trait trait) {
    return traits.contains(trait);
  }

  /** What the defaults of context strategies depend on. */
  public ModelLimits limits() {
    return new ModelLimits(trainedWindow, layers(), lastFarLayer(), rope.flow());
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
        otherNames,
        design,
        reaches.stream().map(reach -> reach.stored(rope, otherRope)).toList());
  }

  /** The same model with another width and layers of other sizes, perhaps fewer. */
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
        names,
        design,
        reaches.subList(0, otherShapes.size()));
  }

  /** A model of one of the layers alone, which has index 0 there. */
  DecoderSpec ofLayer(int layer) {
    return new DecoderSpec(
        family,
        vocabulary,
        hidden,
        headDim,
        List.of(layer(layer)),
        normEpsilon,
        rope,
        trainedWindow,
        traits,
        names.ofLayer(layer),
        design,
        List.of(reach(layer)));
  }

  /** Number of layers. */
  public int layers() {
    return layerShapes.size();
  }

  public LayerShape layer(int layer) {
    return layerShapes.get(layer);
  }

  public LayerReach reach(int layer) {
    return reaches.get(layer);
  }

  /** The last layer that sees everything; the last of all if none does. */
  public int lastFarLayer() {
    for (int layer = layers() - 1; layer >= 0; layer--) {
      if (!reach(layer).isLimited()) {
        return layer;
      }
    }
    return layers() - 1;
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
    return design.scales().attention() == 0 ? 1 / Math.sqrt(headDim) : design.scales().attention();
  }

  /** How positions act in each layer, in a document of {@code length} tokens. */
  public List<PositionEncoding> encodings(long length) {
    // layers share what they have in common
    Map<PositionSpec, PositionEncoding> made = new IdentityHashMap<>();
    return reaches.stream()
        .map(reach -> made.computeIfAbsent(reach.positions(), each -> each.encoding(length)))
        .toList();
  }

  /** Sizes of a cache that stores keys and values in this way. */
  public KvShape kvShape(KvDType dtype) {
    return new KvShape(
        layerShapes.stream().mapToInt(LayerShape::kvHeads).toArray(), headDim, dtype);
  }

  /** Numbers in all matrices and vectors. */
  public long parameters() {
    return WeightShapes.of(this).values().stream().mapToLong(Shape::elements).sum();
  }

  /** What the weights of these layers are for that Llama's are not; empty if nothing. */
  private Optional<String> peculiarWeights() {
    Optional<Trait> trait =
        traits.stream().filter(each -> !PLAIN.contains(each)).sorted().findFirst();
    if (trait.isPresent()) {
      return trait.map(
          each ->
              "the trait '%s'".formatted(each.name().toLowerCase(Locale.ROOT).replace('_', ' ')));
    }
    if (design.experts().isPresent()) {
      return Optional.of("sparse experts");
    }
    return design.equals(LayerDesign.LLAMA)
        ? Optional.empty()
        : Optional.of("norms, activations, factors or bounds that Llama does not have");
  }

  /**
   * Refuses to change weights whose part in a layer is another than Llama's.
   *
   * @param purpose "prune"
   * @throws LongformException UNSUPPORTED_MODEL saying what the model has
   */
  public void requireLlamaWeights(String purpose) {
    peculiarWeights().ifPresent(why -> refuse(purpose, why));
  }

  /**
   * Refuses to do what is done for the layers of Llama alone, which see everything and rotate
   * alike.
   *
   * @param purpose "compute gradients of"
   * @throws LongformException UNSUPPORTED_MODEL saying what the model has
   */
  public void requireLlamaLayers(String purpose) {
    requireLlamaWeights(purpose);
    if (reaches.stream().anyMatch(LayerReach::isLimited)) {
      refuse(purpose, "layers with a window of their own");
    }
    if (!reaches.stream().allMatch(reach -> reach.positions().equals(rope))) {
      refuse(purpose, "layers with positions of their own");
    }
  }

  private void refuse(String purpose, String why) {
    throw new LongformException(
        ErrorClass.UNSUPPORTED_MODEL,
        "Cannot %s a model of family '%s': it has %s. Use a model with the layers of Llama."
            .formatted(purpose, family, why));
  }
}
