package org.longform.kernels.model;

/**
 * Sizes of one layer; those of a pruned model differ from layer to layer.
 *
 * @param heads query heads, H
 * @param kvHeads key/value heads, G; divides H
 * @param intermediate width of the feed-forward part, I
 */
public record LayerShape(int heads, int kvHeads, int intermediate) {}
