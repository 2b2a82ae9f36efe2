package org.longform.kernels.device.cpu;

import java.util.Optional;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.device.KeyScoresRequest;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.Tensor;

/**
 * Writes a {@link KeyScoresRequest} as a {@code kernels_key_scores_request} and reads the answer.
 */
final class KeyScoresCall {
  private static final int WORDS = 13;

  private final KeyScoresRequest request;
  private final RunList keys;
  private final double[] frequencies;

  private KeyScoresCall(KeyScoresRequest request, MemoryOwner owner) {
    this.request = request;
    this.keys = new RunList(owner);
    for (long row : request.rows()) {
      keys.add(request.cache(), row, row + 1, 0);
    }
    frequencies = request.turnsKeys() ? rope().inverseFrequencies() : new double[0];
  }

  /**
   * Asks a card.
   *
   * @param owner of the card's memory
   * @return (H, N); empty if the card does not score these keys
   */
  static Optional<float[]> run(KeyScoresRequest request, long card, MemoryOwner owner) {
    request.validate();
    float[] scores = new float[request.rows().length];
    if (scores.length == 0) {
      return Optional.of(scores);
    }
    KeyScoresCall call = new KeyScoresCall(request, owner);
    CallBuffer buffer = CallBuffer.borrow();
    try (Memory answer = Memory.allocate((long) scores.length * Float.BYTES);
        Tensor queries = Tensor.of(request.queries(), request.queries().length)) {
      int status = CpuNative.keyScores(card, call.write(buffer, queries, answer));
      if (status == CpuNative.UNSUPPORTED) {
        return Optional.empty();
      }
      CpuHandle.check("keyScores", status);
      answer.read(0, scores, 0, scores.length);
      return Optional.of(scores);
    } finally {
      buffer.giveBack();
    }
  }

  private PositionEncoding.Rope rope() {
    return (PositionEncoding.Rope) request.encoding();
  }

  /** Answers where the request lies. */
  private long write(CallBuffer buffer, Tensor queries, Memory answer) {
    long doubles = request.positions().length + (long) frequencies.length;
    buffer.reserve(KvLayout.BYTES + keys.bytes() + (doubles + WORDS) * Long.BYTES);
    long layout = KvLayout.write(request.cache(), buffer);
    long list = buffer.address();
    keys.write(buffer);
    long positions = buffer.address();
    buffer.putAll(request.positions());
    long angles = buffer.address();
    buffer.putAll(frequencies);
    long call = buffer.address();
    boolean turns = request.turnsKeys();
    buffer
        .put(queries.address())
        .put((long) request.queriesOfHead())
        .put((long) request.heads())
        .put(layout)
        .put(list)
        .put((long) request.keys())
        .put(turns ? positions : 0)
        .put(turns ? (long) rope().layout().ordinal() : 0)
        .put(angles)
        .put((long) frequencies.length)
        .put(turns ? rope().attentionFactor() : 1.0)
        .put(answer.address(0))
        .put(keys.isResident() ? 1L : 0L);
    return call;
  }
}
