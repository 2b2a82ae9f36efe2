package org.longform.kernels.model;

import org.longform.kernels.attention.PositionEncoding.Rope;

/**
 * How GGUF files hold the models of a family.
 *
 * @param architecture their {@code general.architecture}, with which their keys begin
 * @param names their names of the weights
 * @param layout which rows of the query and key matrices make a pair there
 */
public record GgufForm(String architecture, WeightNames names, Rope.Layout layout) {
  boolean is(String other) {
    return architecture.equals(other);
  }
}
