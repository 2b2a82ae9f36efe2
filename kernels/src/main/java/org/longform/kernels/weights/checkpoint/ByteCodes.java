package org.longform.kernels.weights.checkpoint;

import org.longform.kernels.weights.StoredBytes;

/**
 * Levels of a byte each.
 *
 * @param level of each byte, by its bits
 */
record ByteCodes(StoredModule module, StoredBytes stored, float[] level)
    implements GridMatrix.RowCodes {

  /** Signed whole numbers. */
  static ByteCodes whole(StoredModule module, String ending) {
    float[] level = new float[1 << Byte.SIZE];
    for (int bits = 0; bits < level.length; bits++) {
      level[bits] = (byte) bits;
    }
    return new ByteCodes(module, module.open(ending), level);
  }

  /** Floating point numbers; {@code dtype} of the tensor tells which. */
  static ByteCodes float8(StoredModule module, String ending) {
    float[] level = Float8.of(module.dtype(ending)).numbers();
    return new ByteCodes(module, module.open(ending), level);
  }

  @Override
  public void read(long row, float[] target, int at) {
    byte[] bytes = new byte[(int) stored.shape().axis(1)];
    stored.read(row * bytes.length, bytes);
    for (int i = 0; i < bytes.length; i++) {
      float value = level[bytes[i] & 0xff];
      if (!Float.isFinite(value)) {
        throw module.invalid(
            "the matrix of '%s' holds %s in row %d, column %d, expected finite numbers"
                .formatted(module.name(), value, row, i));
      }
      target[at + i] = value;
    }
  }

  @Override
  public void close() {
    stored.close();
  }
}
