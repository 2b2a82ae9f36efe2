package org.longform.kernels.model;

import java.util.List;
import java.util.function.BooleanSupplier;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.PlanRequest;
import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.AttendTaps;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderWeights.LayerWeights;
import org.longform.kernels.model.DecoderWeights.Projection;
import org.longform.kernels.tensor.Tensor;

/**
 * One block of T tokens through all layers. The keys and values are written to reserved rows of the
 * cache; the caller commits them, or rolls them back after a failure.
 */
final class BlockForward implements AutoCloseable {
  private final DecoderSpec spec;
  private final DecoderWeights weights;
  private final Kernels kernels;
  private final ContextStrategy strategy;
  private final KvCache cache;
  private final BooleanSupplier cancelled;
  private final Scratch scratch;

  /**
   * @param hidden (needed, M) residual stream of the block's last rows, before the final norm;
   *     valid until the next block
   * @param attended cached tokens that the plan of the layer that selects most selects
   */
  record Result(Tensor hidden, long attended) {}

  BlockForward(
      Decoder decoder, ContextStrategy strategy, KvCache cache, BooleanSupplier cancelled) {
    this.spec = decoder.spec();
    this.weights = decoder.weights();
    this.kernels = decoder.kernels();
    this.strategy = strategy;
    this.cache = cache;
    this.cancelled = cancelled;
    this.scratch = new Scratch(spec);
  }

  /**
   * @param ids the T tokens, inside the vocabulary
   * @param needed how many of the last rows the caller wants, at least 1
   * @param taps what every attention reports
   */
  Result read(int[] ids, int needed, AttendTaps taps) {
    Kernels.Turn turn = kernels.turn();
    try {
      return layers(ids, needed, taps);
    } finally {
      turn.close();
    }
  }

  private Result layers(int[] ids, int needed, AttendTaps taps) {
    pollCancelled();
    int tokens = ids.length;
    Scratch.Block block = scratch.block(tokens);
    cache.reserve(tokens);
    kernels.gather(weights.embedding(), ids, block.hidden());
    PositionEncoding encoding = spec.rope().encoding(cache.length() + tokens);
    long attended = 0;
    for (int layer = 0; layer < spec.layers(); layer++) {
      pollCancelled();
      // nobody reads the last layer's other rows: their keys and values are all they leave behind
      int rows = layer == spec.layers() - 1 ? needed : tokens;
      attended = Math.max(attended, attention(layer, block, encoding, rows, taps));
      feedForward(layer, block, rows);
    }
    return new Result(lastRows(block.hidden(), needed), attended);
  }

  private long attention(
      int layer, Scratch.Block block, PositionEncoding encoding, int rows, AttendTaps taps) {
    LayerWeights w = weights.layer(layer);
    kernels.rmsNorm(block.hidden(), w.attentionNorm(), spec.normEpsilon(), block.normed());
    project(
        block.normed(),
        List.of(w.query(), w.key(), w.value()),
        List.of(block.queries(), block.keys(), block.values()));
    cache.put(layer, block.keys(), block.values());
    KvView view = cache.view(layer);
    AttentionPlan plan =
        strategy.plan(new PlanRequest(layer, block.queries(), view, encoding, kernels));
    int asking = taps.wantsColumnMass() ? Math.toIntExact(block.queries().rows()) : rows;
    kernels.attend(
        new AttendRequest(
            lastRows(block.queries(), asking),
            view,
            plan,
            encoding,
            spec.attentionScale(),
            lastRows(block.mixed(), asking),
            taps));
    cache.passed(layer, kernels::forget, kernels::prefetch);
    Tensor out = lastRows(block.normed(), rows);
    project(lastRows(block.mixed(), rows), List.of(w.output()), List.of(out));
    kernels.add(lastRows(block.hidden(), rows), out);
    return selected(plan, view);
  }

  private void feedForward(int layer, Scratch.Block block, int rows) {
    LayerWeights w = weights.layer(layer);
    Tensor hidden = lastRows(block.hidden(), rows);
    Tensor normed = lastRows(block.normed(), rows);
    Tensor gate = lastRows(block.gate(), rows);
    Tensor up = lastRows(block.up(), rows);
    kernels.rmsNorm(hidden, w.ffnNorm(), spec.normEpsilon(), normed);
    project(normed, List.of(w.gate(), w.up()), List.of(gate, up));
    kernels.swiGlu(gate, up);
    project(gate, List.of(w.down()), List.of(normed));
    kernels.add(hidden, normed);
  }

  /** Projections of the same x are one operation: a device may share what it makes of x. */
  private void project(Tensor x, List<Projection> projections, List<Tensor> outs) {
    kernels.matmul(x, projections.stream().map(Projection::matrix).toList(), outs);
    for (int i = 0; i < outs.size(); i++) {
      Tensor out = outs.get(i);
      projections.get(i).bias().ifPresent(bias -> kernels.addBias(out, bias));
    }
  }

  private static long selected(AttentionPlan plan, KvView view) {
    long rows = 0;
    for (Segment segment : plan.segments()) {
      rows += segment.rows().maxCount();
    }
    return Math.min(rows, view.end());
  }

  private static Tensor lastRows(Tensor tensor, int rows) {
    return tensor.rows(tensor.rows() - rows, rows);
  }

  private void pollCancelled() {
    if (cancelled.getAsBoolean()) {
      throw new LongformException(
          ErrorClass.CANCELLED,
          "Cannot go on reading after %d tokens: the caller cancelled it. Read again if it is still wanted."
              .formatted(cache.length()));
    }
  }

  @Override
  public void close() {
    scratch.close();
  }
}
