package org.longform.kernels.model;

/**
 * Feed-forward parts of which each token takes a few: those that a router scores highest, weighted
 * by the softmax over them.
 *
 * @param count experts of a layer, E
 * @param chosen experts of a token, at most E
 */
public record ExpertSpec(int count, int chosen) {}
