package org.longform.kernels.device.cpu;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.Tensor;

/** Writes a {@link TopKeysRequest} as a {@code kernels_top_keys_request} and reads the answer. */
final class TopKeysCall {
  private static final int WORDS = 16;

  private TopKeysCall() {}

  /**
   * Asks a device.
   *
   * @param owner of the device's own memory; null if it has none
   * @param sketching whether it spares keys by sketches, which are then made
   */
  static TopKeys run(TopKeysRequest request, long device, MemoryOwner owner, boolean sketching) {
    request.validate();
    int heads = request.heads();
    int count = request.queryCount();
    int k = request.answers();
    int entries = Math.multiplyExact(Math.multiplyExact(heads, count), k);
    long[] rows = new long[entries];
    float[] scores = new float[entries];
    if (entries == 0) {
      return new TopKeys(heads, count, k, rows, scores, 0);
    }
    RunList runs = new RunList(owner);
    runs.add(request.cache(), request.from(), request.to(), 0);
    SketchList sketches =
        sketching && canSketch(request) ? SketchList.of(request.cache(), runs, device) : null;
    CallBuffer buffer = CallBuffer.borrow();
    try (Memory answer = Memory.allocate(Long.BYTES + (long) entries * (Long.BYTES + Float.BYTES));
        Tensor turned = turned(request)) {
      long queries =
          turned == null
              ? request.queries().rows(request.firstQuery(), count).address(owner)
              : turned.address();
      buffer.reserve(
          KvLayout.BYTES
              + runs.bytes()
              + (sketches == null ? 0 : sketches.bytes())
              + (long) WORDS * Long.BYTES);
      long layout = KvLayout.write(request.cache(), buffer);
      long list = buffer.address();
      runs.write(buffer);
      long sketchList = sketches == null ? 0 : buffer.address();
      if (sketches != null) {
        sketches.write(buffer);
      }
      long rowsAt = Long.BYTES;
      long scoresAt = rowsAt + (long) entries * Long.BYTES;
      long call = buffer.address();
      buffer
          .put(queries)
          .put((long) count)
          .put((long) heads)
          .put(layout)
          .put(list)
          .put((long) runs.size())
          .put(request.from())
          .put(request.to())
          .put((long) k)
          .put((long) request.scoring().pairing().ordinal())
          .put((long) request.scoring().keyNorm().ordinal())
          .put((long) request.scoring().blockRows())
          .put(sketchList)
          .put(answer.address(rowsAt))
          .put(answer.address(scoresAt))
          .put(answer.address(0));
      CpuHandle.check("topKeys", CpuNative.topKeys(device, call));
      for (int i = 0; i < entries; i++) {
        rows[i] = answer.getLong(rowsAt + (long) i * Long.BYTES);
      }
      answer.read(scoresAt, scores, 0, entries);
      return new TopKeys(heads, count, k, rows, scores, answer.getLong(0));
    } finally {
      buffer.giveBack();
    }
  }

  /** Whether bounds of the plain products can spare keys: few queries ask, and many keys answer. */
  private static boolean canSketch(TopKeysRequest request) {
    TopKeysRequest.Scoring scoring = request.scoring();
    int sharers = (request.heads() + request.cache().kvHeads() - 1) / request.cache().kvHeads();
    return scoring.keyNorm() == TopKeysRequest.KeyNorm.NONE
        && scoring.blockRows() == 1
        && (long) sharers * request.queryCount() <= SketchList.MOST_QUERIES
        && request.to() - request.from() >= SketchList.LEAST_CANDIDATES;
  }

  /** The asking queries rotated to one position, or null if they are taken as they are. */
  private static Tensor turned(TopKeysRequest request) {
    TopKeysRequest.QueryTurn turn = request.scoring().query();
    if (!turn.turns() || !(turn.encoding() instanceof PositionEncoding.Rope rope)) {
      return null;
    }
    int headDim = request.cache().headDim();
    Tensor asking = request.queries().rows(request.firstQuery(), request.queryCount());
    float[] values = asking.toArray();
    for (int at = 0; at < values.length; at += headDim) {
      rope.rotate(values, at, turn.position());
    }
    return Tensor.of(values, request.queryCount(), asking.shape().rowElements());
  }
}
