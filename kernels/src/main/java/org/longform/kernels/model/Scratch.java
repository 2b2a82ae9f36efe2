package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.tensor.Tensor;

/**
 * The activations of a pass, kept from pass to pass and made anew when a longer one comes, or a
 * much shorter one: an answer being written need not hold what its document took. T tokens, M
 * hidden, H query heads, G key/value heads, D head dimensions, I intermediate.
 */
final class Scratch implements AutoCloseable {
  private static final int MUCH = 64;

  private final DecoderSpec spec;
  private final List<Tensor> owned = new ArrayList<>();
  private int capacity;

  Scratch(DecoderSpec spec) {
    this.spec = spec;
  }

  /**
   * Views for a block of T tokens.
   *
   * @param hidden (T, M) residual stream
   * @param normed (T, M) normalised input of a half layer, later its output
   * @param queries (T, H*D)
   * @param keys (T, G*D)
   * @param values (T, G*D)
   * @param mixed (T, H*D) output of the attention
   * @param gate (T, I)
   * @param up (T, I)
   */
  record Block(
      Tensor hidden,
      Tensor normed,
      Tensor queries,
      Tensor keys,
      Tensor values,
      Tensor mixed,
      Tensor gate,
      Tensor up) {

    /** The same views around another residual stream. */
    Block on(Tensor stream) {
      return new Block(stream, normed, queries, keys, values, mixed, gate, up);
    }
  }

  Block block(int tokens) {
    if (tokens > capacity || tokens < capacity / MUCH) {
      close();
      allocate(tokens, spec.hidden(), 2);
      allocate(tokens, spec.queryWidth(), 1);
      allocate(tokens, spec.kvWidth(), 2);
      allocate(tokens, spec.queryWidth(), 1);
      allocate(tokens, spec.intermediate(), 2);
      capacity = tokens;
    }
    return new Block(
        first(0, tokens),
        first(1, tokens),
        first(2, tokens),
        first(3, tokens),
        first(4, tokens),
        first(5, tokens),
        first(6, tokens),
        first(7, tokens));
  }

  private void allocate(int tokens, int width, int times) {
    for (int i = 0; i < times; i++) {
      owned.add(Tensor.allocate(tokens, width));
    }
  }

  private Tensor first(int index, int tokens) {
    return owned.get(index).rows(0, tokens);
  }

  @Override
  public void close() {
    capacity = 0;
    owned.forEach(Tensor::close);
    owned.clear();
  }
}
