package org.longform.kernels.cache;

import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Tensor;

/** Stores rows of keys or values in pages. Its buffers stay from call to call. */
final class RowWriter {
  private final KvShape shape;
  // (rows, G*D) as they come, and (rows) of one head as they are stored
  private float[] wide = new float[0];
  private byte[] stored = new byte[0];

  RowWriter(KvShape shape) {
    this.shape = shape;
  }

  /**
   * Stores rows {@code from} to {@code from + count} side by side in one page.
   *
   * @param rows (T, G*D), G the layer's key/value heads
   * @param page the memory it lies in
   * @param at byte offset of the first head of the first row
   * @param headStride bytes from a head to the next one
   */
  void write(
      int kvHeads, Tensor rows, long from, int count, Memory page, long at, long headStride) {
    int headDim = shape.headDim();
    int width = kvHeads * headDim;
    int rowBytes = shape.rowBytes();
    if (wide.length < count * width) {
      wide = new float[count * width];
    }
    if (stored.length < count * rowBytes) {
      stored = new byte[count * rowBytes];
    }
    rows.read(from * width, wide, 0, count * width);
    for (int g = 0; g < kvHeads; g++) {
      for (int i = 0; i < count; i++) {
        shape.dtype().encode(wide, i * width + g * headDim, headDim, stored, i * rowBytes);
      }
      page.writeBytes(at + g * headStride, stored, 0, count * rowBytes);
    }
  }
}
