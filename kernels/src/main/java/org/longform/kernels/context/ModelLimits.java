package org.longform.kernels.context;

import java.util.Optional;
import org.longform.kernels.attention.FrequencyFlow;

/**
 * What strategies and their defaults depend on.
 *
 * @param trainedWindow tokens the model was trained to read at once
 * @param layers number of layers
 * @param lastFarLayer the last layer that has no window of its own
 * @param flow how the rotary frequencies go on beyond the window, if the model learned it
 */
public record ModelLimits(
    long trainedWindow, int layers, int lastFarLayer, Optional<FrequencyFlow> flow) {

  /** Those of a model whose layers have no windows of their own. */
  public ModelLimits(long trainedWindow, int layers, Optional<FrequencyFlow> flow) {
    this(trainedWindow, layers, layers - 1, flow);
  }

  /** Those of a model that learned nothing of positions beyond its window. */
  public ModelLimits(long trainedWindow, int layers) {
    this(trainedWindow, layers, Optional.empty());
  }
}
