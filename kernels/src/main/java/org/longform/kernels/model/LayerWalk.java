package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.device.AttendTaps;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.WeightSource;

/**
 * Several texts on their way through a model, one layer after the other, so that what one layer
 * does to all of them can be seen, and the layer changed, before they reach the next. Memory: the
 * residual stream of all texts (4 bytes * tokens * M), and the weights of one layer.
 */
public final class LayerWalk implements AutoCloseable {
  private final DecoderSpec spec;
  private final Kernels kernels;
  private final List<int[]> texts;
  // (T, M) for each text: what goes into the next layer
  private final List<Tensor> streams = new ArrayList<>();

  /**
   * Stands before the first layer.
   *
   * @param kernels the device; it stays with the caller
   * @param texts tokens inside the vocabulary, each text to be read on its own with full attention
   */
  public LayerWalk(DecoderSpec spec, WeightSource weights, Kernels kernels, List<int[]> texts) {
    this.spec = spec;
    this.kernels = kernels;
    this.texts = List.copyOf(texts);
    String embedding = spec.names().embedding() + ".weight";
    try (Tensor stored = weights.tensor(embedding, Shape.of(spec.vocabulary(), spec.hidden()));
        Weight table = kernels.weight(stored)) {
      for (int[] text : texts) {
        Tensor stream = Tensor.allocate(text.length, spec.hidden());
        streams.add(stream);
        TokenEmbedding.embed(spec, kernels, table, text, stream);
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** Tokens of all texts. */
  public long tokens() {
    return texts.stream().mapToLong(text -> text.length).sum();
  }

  /** Shows what the projections of the layer before which the texts stand are applied to. */
  public void observe(int layer, WeightSource weights, ProjectionObserver observer) {
    pass(layer, weights, observer, false);
  }

  /** Brings the texts through a layer. */
  public void advance(int layer, WeightSource weights) {
    pass(layer, weights, ProjectionObserver.NONE, true);
  }

  private void pass(int layer, WeightSource weights, ProjectionObserver observer, boolean keep) {
    DecoderSpec one = spec.ofLayer(layer);
    try (DecoderWeights loaded = DecoderWeights.loadLayers(one, weights, kernels);
        ForwardPass forward =
            new ForwardPass(
                one, loaded, kernels, (first, input, x) -> observer.sees(layer, input, x))) {
      for (int i = 0; i < streams.size(); i++) {
        Tensor stream = streams.get(i);
        if (keep) {
          pass(one, forward, texts.get(i), stream);
        } else {
          try (Tensor copy = Tensor.of(stream.toArray(), stream.rows(), spec.hidden())) {
            pass(one, forward, texts.get(i), copy);
          }
        }
      }
    }
  }

  private static void pass(DecoderSpec one, ForwardPass forward, int[] ids, Tensor stream) {
    ContextStrategy strategy = ContextStrategies.create("full", Map.of(), one.limits());
    try (KvCache cache = new KvCache(one.kvShape(KvDType.F32))) {
      cache.reserve(ids.length);
      Branch all = new Branch(0, ids.length, null, one.encodings(ids.length), AttendTaps.NONE);
      PassBlock block =
          new PassBlock(
              ids, 0, ids.length, List.of(all), strategy, cache, () -> false, BlockHooks.NONE);
      forward.run(block, stream);
      block.requireRead();
    }
  }

  @Override
  public void close() {
    streams.forEach(Tensor::close);
    streams.clear();
  }
}
