package org.longform.kernels.device.cpu;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;
import org.longform.kernels.tensor.Tensor;

/** Writes a {@link TopKeysRequest} as a {@code kernels_top_keys_request} and reads the answer. */
final class TopKeysCall implements AutoCloseable {
  private static final int WORDS = 17;

  private final TopKeysRequest request;
  private final MemoryOwner owner;
  private final KeyList keys;
  // whether keys are to be spared
  private final boolean sketched;
  // null if queries are taken as they are
  private final Tensor turned;

  /**
   * For a request that was checked and has an answer.
   *
   * @param owner of the device's own memory; null if it has none
   * @param source of memory that the device reads
   * @param limits of the searches whose keys the device spares by sketches, which are then made
   */
  TopKeysCall(
      TopKeysRequest request,
      long device,
      MemoryOwner owner,
      MemorySource source,
      SketchLimits limits) {
    this.request = request;
    this.owner = owner;
    keys = KeyList.borrow(request.cache(), request.from(), request.to(), owner, source);
    sketched = limits.allow(request) && keys.maySketch();
    try {
      if (sketched) {
        keys.sketch(request.cache(), device);
      }
      turned = turned(request);
    } catch (Throwable e) {
      keys.giveBack();
      throw e;
    }
  }

  /** Asks a device; the parameters are those of the constructor. */
  static TopKeys run(
      TopKeysRequest request,
      long device,
      MemoryOwner owner,
      MemorySource source,
      SketchLimits limits) {
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
    CallBuffer buffer = CallBuffer.borrow();
    try (Memory answer = Memory.allocate(Long.BYTES + (long) entries * (Long.BYTES + Float.BYTES));
        TopKeysCall call = new TopKeysCall(request, device, owner, source, limits)) {
      long rowsAt = Long.BYTES;
      long scoresAt = rowsAt + (long) entries * Long.BYTES;
      buffer.reserve(call.bytes());
      long keys =
          call.write(buffer, answer.address(rowsAt), answer.address(scoresAt), answer.address(0));
      CpuHandle.check("topKeys", CpuNative.topKeys(device, keys));
      for (int i = 0; i < entries; i++) {
        rows[i] = answer.getLong(rowsAt + (long) i * Long.BYTES);
      }
      answer.read(scoresAt, scores, 0, entries);
      return new TopKeys(heads, count, k, rows, scores, answer.getLong(0));
    } finally {
      buffer.giveBack();
    }
  }

  /** What {@link #write} needs of a buffer. */
  long bytes() {
    return KvLayout.BYTES + (long) WORDS * Long.BYTES;
  }

  /**
   * Writes the request and all it refers to; answers where the request lies. The addresses are
   * those of what it answers.
   */
  long write(CallBuffer buffer, long rows, long scores, long rescored) {
    long queries =
        turned == null
            ? request.queries().rows(request.firstQuery(), request.queryCount()).address(owner)
            : turned.address();
    long layout = KvLayout.write(request.cache(), buffer);
    long call = buffer.address();
    buffer
        .put(queries)
        .put((long) request.queryCount())
        .put((long) request.heads())
        .put(layout)
        .put(keys.address())
        .put((long) keys.size(request.to()))
        .put(request.from())
        .put(request.to())
        .put((long) request.answers())
        .put((long) request.scoring().pairing().ordinal())
        .put((long) request.scoring().keyNorm().ordinal())
        .put((long) request.scoring().blockRows())
        .put(sketched ? keys.sketchAddress() : 0)
        .put(rows)
        .put(scores)
        .put(rescored)
        .put(keys.isResident() ? 1L : 0L);
    return call;
  }

  @Override
  public void close() {
    keys.giveBack();
    if (turned != null) {
      turned.close();
    }
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
