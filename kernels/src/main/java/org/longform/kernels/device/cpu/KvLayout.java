package org.longform.kernels.device.cpu;

import org.longform.kernels.cache.KvView;

/** The words of a {@code kernels_kv_layout}. */
final class KvLayout {
  static final long BYTES = 6 * Long.BYTES;

  private KvLayout() {}

  /** Writes it and answers its address. */
  static long write(KvView cache, CallBuffer target) {
    long address = target.address();
    target
        .put((long) cache.dtype().ordinal())
        .put((long) cache.kvHeads())
        .put((long) cache.headDim())
        .put((long) cache.rowBytes())
        .put(cache.valueStride())
        .put(cache.headStride());
    return address;
  }
}
