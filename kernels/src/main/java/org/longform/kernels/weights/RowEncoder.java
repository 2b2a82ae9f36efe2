package org.longform.kernels.weights;

import java.util.stream.LongStream;
import org.longform.kernels.tensor.BlockFormat;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.HalfFloats;
import org.longform.kernels.tensor.Memory;

/** Rounds float32 values to a stored type, on all cores where there are many. */
final class RowEncoder {
  // so many elements are worth a thread; a multiple of every block
  private static final int PIECE = 1 << 14;

  private RowEncoder() {}

  /** Writes {@code count} values, whole blocks, from byte 0 of {@code target} on. */
  static void encode(DType dtype, float[] values, int count, Memory target) {
    if (dtype == DType.F32) {
      target.write(0, values, 0, count);
      return;
    }
    LongStream.range(0, (count + PIECE - 1L) / PIECE)
        .parallel()
        .forEach(
            piece -> {
              int from = (int) (piece * PIECE);
              encode(dtype, values, from, Math.min(count, from + PIECE), target);
            });
  }

  private static void encode(DType dtype, float[] values, int from, int to, Memory target) {
    if (dtype.isQuantised()) {
      BlockFormat format = BlockFormat.of(dtype);
      for (int i = from; i < to; i += dtype.blockElements()) {
        format.encode(values, i, target, dtype.bytes(i));
      }
      return;
    }
    for (int i = from; i < to; i++) {
      short bits = dtype == DType.F16 ? HalfFloats.toF16(values[i]) : HalfFloats.toBf16(values[i]);
      target.putShort((long) i * Short.BYTES, bits);
    }
  }
}
