package org.longform.kernels.device;

import java.util.List;
import java.util.Optional;
import org.longform.kernels.attention.QueryAttention;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.tensor.MemorySource;
import org.longform.kernels.tensor.Tensor;

/**
 * The numeric operations of one device. Thread-safe: sessions of several tasks call it at once.
 * Activations are float32 tensors that lie anywhere, best in {@link #memory}; T new tokens, I and O
 * widths of a matrix. What an operation writes to this device's own memory may come later: whoever
 * reads it through a {@link Tensor} waits for it.
 */
public interface Kernels {
  /** A caller's turn: see {@link Kernels#turn}. */
  interface Turn extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Says that the calling thread will ask for one operation after the other until it closes the
   * turn. A device shares its threads among the turns that are open.
   */
  default Turn turn() {
    return () -> {};
  }

  /** Where activations and pages of caches are best allocated. */
  default MemorySource memory() {
    return MemorySource.HOST;
  }

  /**
   * Memory of the host that a device with memory of its own reads where it lies, more slowly than
   * that; blocks are the device's, as those of {@link #memory} are, but not zeroed. For pages that
   * the device has no room for.
   */
  default Optional<MemorySource> pinnedMemory() {
    return Optional.empty();
  }

  /** Brings a stored weight (any dtype) into this device's form. The caller closes it. */
  Weight weight(Tensor stored);

  /** out[t] = table[ids[t]]; table (V, I), out (T, I). Ids are checked by the caller. */
  void gather(Weight table, int[] ids, Tensor out);

  /** out = x · wᵀ; x (T, I), w (O, I), out (T, O). */
  void matmul(Tensor x, Weight w, Tensor out);

  /** Several products of the same x: {@code outs[i] = x · weights[i]ᵀ}. */
  default void matmul(Tensor x, List<Weight> weights, List<Tensor> outs) {
    for (int i = 0; i < weights.size(); i++) {
      matmul(x, weights.get(i), outs.get(i));
    }
  }

  /**
   * Up to so many rows of x each row of a product is, bit for bit, what it is alone. So many
   * sessions may share a pass without one changing what another answers.
   */
  default int alikeRows() {
    return 1;
  }

  /** x[t] += bias; x (T, O), bias (O). */
  void addBias(Tensor x, Weight bias);

  /** x += y, elementwise. */
  void add(Tensor x, Tensor y);

  /** out[t] = x[t] / sqrt(mean(x[t]²) + epsilon) * gain; x, out (T, I), gain (I). */
  void rmsNorm(Tensor x, Weight gain, double epsilon, Tensor out);

  /**
   * out[t] = (x[t] - mean(x[t])) / sqrt(variance(x[t]) + epsilon) * gain; x, out (T, I), gain (I).
   */
  default void layerNorm(Tensor x, Weight gain, double epsilon, Tensor out) {
    Elements.center(x, out);
    // of what has no mean the squares are the variance
    rmsNorm(out, gain, epsilon, out);
  }

  /** gate = silu(gate) * up, elementwise, silu(z) = z / (1 + exp(-z)). */
  void swiGlu(Tensor gate, Tensor up);

  /** x = f(x), elementwise. */
  default void activate(Activation f, Tensor x) {
    Elements.map(x, f::of);
  }

  /** x *= y, elementwise. */
  default void multiply(Tensor x, Tensor y) {
    Elements.multiply(x, y);
  }

  /** x *= factor, elementwise. */
  default void scale(Tensor x, double factor) {
    Elements.map(x, value -> value * factor);
  }

  /** x = cap * tanh(x / cap), elementwise. */
  default void softCap(Tensor x, double cap) {
    Elements.map(x, value -> cap * Math.tanh(value / cap));
  }

  /** x = x where it is within ±bound, else the bound, elementwise. */
  default void clamp(Tensor x, double bound) {
    Elements.map(x, value -> Math.max(-bound, Math.min(bound, value)));
  }

  /** Says that a stretch of a mapped file will be read soon. */
  default void prefetch(long address, long bytes) {}

  /** Says that a stretch of a mapped file need not stay in memory. */
  default void forget(long address, long bytes) {}

  /**
   * Stores some of the reserved rows of one layer of a cache, see {@link KvCache#put}: the same
   * bits on every device.
   *
   * @param first which of the reserved rows is the first
   * @param keys (T, G*D) before rotation
   * @param values (T, G*D)
   */
  default void store(KvCache cache, int layer, int first, Tensor keys, Tensor values) {
    cache.put(layer, first, keys, values);
  }

  /** Softmax attention over the plan's segments, see {@link AttendRequest}. */
  void attend(AttendRequest request);

  /** For few queries and each of their heads the scaled logits of all tokens they see. */
  default void logits(QueryRowsRequest request, QueryAttention target) {
    QueryRows.logits(request, target);
  }

  /** As {@link #logits}, their softmax. */
  default void probabilities(QueryRowsRequest request, QueryAttention target) {
    QueryRows.probabilities(request, target);
  }

  /** The best cached tokens for each head and query, see {@link TopKeysRequest}. */
  TopKeys topKeys(TopKeysRequest request);

  /**
   * The tokens that heads and queries vote for by their best keys, each once and in order, see
   * {@link VotesRequest}.
   */
  default long[] votes(VotesRequest request) {
    request.validate();
    return Votes.of(topKeys(request.keys())).first(request.limit(), request.order());
  }

  /**
   * The tokens around those that heads and queries vote for, see {@link SpansRequest}. A device may
   * keep to itself which they are until somebody asks ({@link Rows#untold}); whoever asked for them
   * closes them.
   */
  default Rows spans(SpansRequest request) {
    return request
        .spans()
        .select(votes(request.votes()), request.keys().from(), request.keys().to());
  }

  /**
   * How well each of some keys matches, see {@link KeyScoresRequest}.
   *
   * @return (H, N); negative infinity where nothing is a number
   */
  default float[] keyScores(KeyScoresRequest request) {
    return PlainKeyScores.of(request);
  }
}
