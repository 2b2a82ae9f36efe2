package org.longform.kernels.tensor;

/**
 * The twelve bytes in which Q4_K and Q5_K hold a 6-bit scale and a 6-bit minimum for each of eight
 * sub-blocks: bytes 0 to 3 have the scales and bytes 4 to 7 the minima of the first four in their
 * low six bits; bytes 8 to 11 have the low four bits of scale and minimum of the last four, whose
 * high two bits are the high bits of bytes 0 to 3 and 4 to 7.
 */
final class SubBlockScales {
  static final int BYTES = 12;
  static final int SUB_BLOCKS = 8;

  private static final int HALF = SUB_BLOCKS / 2;

  private SubBlockScales() {}

  static int scale(Memory source, long at, int subBlock) {
    return subBlock < HALF
        ? source.getByte(at + subBlock) & 63
        : (source.getByte(at + subBlock + HALF) & 15)
            | (((source.getByte(at + subBlock - HALF) >> 6) & 3) << 4);
  }

  static int minimum(Memory source, long at, int subBlock) {
    return subBlock < HALF
        ? source.getByte(at + subBlock + HALF) & 63
        : ((source.getByte(at + subBlock + HALF) >> 4) & 15)
            | (((source.getByte(at + subBlock) >> 6) & 3) << 4);
  }

  static void write(int[] scales, int[] minima, Memory target, long at) {
    for (int i = 0; i < HALF; i++) {
      target.putByte(at + i, (byte) (scales[i] | ((scales[i + HALF] >> 4) << 6)));
      target.putByte(at + i + HALF, (byte) (minima[i] | ((minima[i + HALF] >> 4) << 6)));
      target.putByte(
          at + i + 2L * HALF, (byte) ((scales[i + HALF] & 15) | ((minima[i + HALF] & 15) << 4)));
    }
  }
}
