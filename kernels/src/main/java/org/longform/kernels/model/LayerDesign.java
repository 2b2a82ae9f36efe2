package org.longform.kernels.model;

import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.device.Activation;

/**
 * How all layers of a model compute, beside their sizes.
 *
 * @param norm what every norm computes
 * @param norms where a layer has one
 * @param activation between the matrices of the feed-forward part
 * @param scales factors, 1 in most models
 * @param softCaps bounds of logits
 * @param clip the largest magnitude of an element of queries, keys and values; infinite for none
 * @param experts empty if there is one feed-forward part for all tokens
 */
public record LayerDesign(
    Norm norm,
    Set<NormPlace> norms,
    Activation activation,
    Scales scales,
    SoftCaps softCaps,
    double clip,
    Optional<ExpertSpec> experts) {
  /** Llama's and that of its many relatives. */
  public static final LayerDesign LLAMA =
      new LayerDesign(
          Norm.RMS,
          EnumSet.of(NormPlace.ATTENTION, NormPlace.FEED_FORWARD),
          Activation.SILU,
          Scales.NONE,
          SoftCaps.NONE,
          Double.POSITIVE_INFINITY,
          Optional.empty());

  /** What a norm computes. */
  public enum Norm {
    /** x over its root mean square. */
    RMS,
    /** x less its mean over its standard deviation. */
    LAYER
  }

  /**
   * Factors.
   *
   * @param embedding on the embeddings of tokens
   * @param attention on q·k; 0 stands for {@code 1/sqrt(D)}
   * @param residual on what each half of a layer adds to the residual stream
   * @param logits on the scores of tokens
   */
  public record Scales(double embedding, double attention, double residual, double logits) {
    public static final Scales NONE = new Scales(1, 0, 1, 1);
  }

  /**
   * Logits become {@code cap * tanh(logit / cap)}; 0 for none.
   *
   * @param attention of the attention
   * @param logits of tokens
   */
  public record SoftCaps(double attention, double logits) {
    public static final SoftCaps NONE = new SoftCaps(0, 0);
  }

  public LayerDesign {
    norms = Set.copyOf(norms);
  }

  public LayerDesign with(Norm otherNorm) {
    return new LayerDesign(otherNorm, norms, activation, scales, softCaps, clip, experts);
  }

  public LayerDesign with(Set<NormPlace> otherNorms) {
    return new LayerDesign(norm, otherNorms, activation, scales, softCaps, clip, experts);
  }

  public LayerDesign with(Activation other) {
    return new LayerDesign(norm, norms, other, scales, softCaps, clip, experts);
  }

  public LayerDesign with(Scales others) {
    return new LayerDesign(norm, norms, activation, others, softCaps, clip, experts);
  }

  public LayerDesign with(SoftCaps others) {
    return new LayerDesign(norm, norms, activation, scales, others, clip, experts);
  }

  public LayerDesign withClip(double bound) {
    return new LayerDesign(norm, norms, activation, scales, softCaps, bound, experts);
  }

  public LayerDesign with(ExpertSpec some) {
    return new LayerDesign(norm, norms, activation, scales, softCaps, clip, Optional.of(some));
  }
}
