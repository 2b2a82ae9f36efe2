package org.longform.kernels.model.prune;

/**
 * What is to be removed.
 *
 * @param mode what the units are
 * @param importance by which the least important units go
 * @param aggregate how the importances of what goes together become one
 * @param ratio part of the units (in mode BLOCK of each of the layers) that goes, from 0 on, below
 *     1
 * @param attentionLayers whose heads are pruned
 * @param ffnLayers whose feed-forward channels are pruned
 * @param ranking among what the least important are sought
 * @param iterations in how many steps, with importances computed anew for each
 * @param seed of random importances
 */
public record PruneOptions(
    Mode mode,
    Importance importance,
    Aggregate aggregate,
    double ratio,
    LayerRange attentionLayers,
    LayerRange ffnLayers,
    Ranking ranking,
    int iterations,
    long seed) {

  /** What the units are. */
  public enum Mode {
    /** Heads and feed-forward channels of layers; the paper's choice. */
    BLOCK,
    /** Dimensions of the residual stream, through the whole model. */
    CHANNEL
  }

  /** Among what the least important units are sought. */
  public enum Ranking {
    /** Each layer loses the same part of its heads, and of its channels. */
    LOCAL,
    /**
     * All heads of the layers compete, and all channels among themselves; every layer keeps at
     * least one of each.
     */
    GLOBAL
  }
}
