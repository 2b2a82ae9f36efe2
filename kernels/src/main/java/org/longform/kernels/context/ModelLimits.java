package org.longform.kernels.context;

/**
 * What the defaults of a strategy depend on.
 *
 * @param trainedWindow tokens the model was trained to read at once
 * @param layers number of layers
 */
public record ModelLimits(long trainedWindow, int layers) {}
