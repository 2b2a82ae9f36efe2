package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * The activations of a pass, kept from pass to pass and made anew when a longer one comes, or a
 * much shorter one: an answer being written need not hold what its document took. All layers share
 * the room that the widest one needs. T tokens, M hidden, D head dimensions; of a layer H query
 * heads, G key/value heads, I intermediate.
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
   * Views for a block of T tokens in one layer.
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

  /** The first call of a pass may make room; {@code hidden} is the same for all layers. */
  Block block(int tokens, int layer) {
    if (tokens > capacity || tokens < capacity / MUCH) {
      close();
      allocate(tokens, spec.hidden(), 2);
      allocate(tokens, widest(spec::queryWidth), 1);
      allocate(tokens, widest(spec::kvWidth), 2);
      allocate(tokens, widest(spec::queryWidth), 1);
      allocate(tokens, widest(spec::intermediate), 2);
      capacity = tokens;
    }
    return new Block(
        first(0, tokens, spec.hidden()),
        first(1, tokens, spec.hidden()),
        first(2, tokens, spec.queryWidth(layer)),
        first(3, tokens, spec.kvWidth(layer)),
        first(4, tokens, spec.kvWidth(layer)),
        first(5, tokens, spec.queryWidth(layer)),
        first(6, tokens, spec.intermediate(layer)),
        first(7, tokens, spec.intermediate(layer)));
  }

  private int widest(IntUnaryOperator width) {
    return IntStream.range(0, spec.layers()).map(width).max().orElse(0);
  }

  private void allocate(int tokens, int width, int times) {
    for (int i = 0; i < times; i++) {
      owned.add(Tensor.allocate(tokens, width));
    }
  }

  private Tensor first(int index, int tokens, int width) {
    Tensor whole = owned.get(index);
    return Tensor.view(whole.dtype(), Shape.of(tokens, width), whole.memory(), 0);
  }

  @Override
  public void close() {
    capacity = 0;
    owned.forEach(Tensor::close);
    owned.clear();
  }
}
