package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.longform.kernels.tensor.MemorySource;
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
  private static final int NORMED = 1;
  private static final int ANSWER = 8;

  private final DecoderSpec spec;
  private final MemorySource source;
  private final List<Tensor> owned = new ArrayList<>();
  private int capacity;

  /**
   * @param source where the device works best
   */
  Scratch(DecoderSpec spec, MemorySource source) {
    this.spec = spec;
    this.source = source;
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
   * @param answer (T, M) output of the attention half; the same as {@code normed} unless the other
   *     half gets that, too
   */
  record Block(
      Tensor hidden,
      Tensor normed,
      Tensor queries,
      Tensor keys,
      Tensor values,
      Tensor mixed,
      Tensor gate,
      Tensor up,
      Tensor answer) {

    /** The same views around another residual stream. */
    Block on(Tensor stream) {
      return new Block(stream, normed, queries, keys, values, mixed, gate, up, answer);
    }
  }

  /** Views that are as wide as the widest layer; see {@link #inLayer}. */
  Block block(int tokens) {
    if (tokens > capacity || tokens < capacity / MUCH) {
      close();
      try {
        allocate(tokens);
      } catch (Throwable e) {
        close();
        throw e;
      }
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
        first(7, tokens),
        first(answerIndex(), tokens));
  }

  /** The same room with the widths of a layer. */
  Block inLayer(Block widest, int layer) {
    return new Block(
        widest.hidden,
        widest.normed,
        narrowed(widest.queries, spec.queryWidth(layer)),
        narrowed(widest.keys, spec.kvWidth(layer)),
        narrowed(widest.values, spec.kvWidth(layer)),
        narrowed(widest.mixed, spec.queryWidth(layer)),
        narrowed(widest.gate, spec.intermediate(layer)),
        narrowed(widest.up, spec.intermediate(layer)),
        widest.answer);
  }

  private int answerIndex() {
    return spec.has(DecoderSpec.Trait.PARALLEL) ? ANSWER : NORMED;
  }

  private static Tensor narrowed(Tensor tensor, int width) {
    return Tensor.view(
        tensor.dtype(), Shape.of(tensor.rows(), width), tensor.memory(), tensor.byteOffset());
  }

  private int widest(IntUnaryOperator width) {
    return IntStream.range(0, spec.layers()).map(width).max().orElse(0);
  }

  private void allocate(int tokens) {
    allocate(tokens, spec.hidden(), 2);
    allocate(tokens, widest(spec::queryWidth), 1);
    allocate(tokens, widest(spec::kvWidth), 2);
    allocate(tokens, widest(spec::queryWidth), 1);
    allocate(tokens, widest(spec::intermediate), 2);
    if (answerIndex() == ANSWER) {
      allocate(tokens, spec.hidden(), 1);
    }
  }

  private void allocate(int tokens, int width, int times) {
    for (int i = 0; i < times; i++) {
      owned.add(Tensor.allocate(source, tokens, width));
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
