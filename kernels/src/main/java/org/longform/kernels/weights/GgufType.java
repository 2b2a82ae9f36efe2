package org.longform.kernels.weights;

/** Types of metadata values in GGUF; the ordinal is the number in the file. */
enum GgufType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  // a string takes its length at least, an array its item type and count
  STRING(8),
  ARRAY(12),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private final int leastBytes;

  GgufType(int leastBytes) {
    this.leastBytes = leastBytes;
  }

  /** Bytes of a value; of a string or an array, the fewest it can have. */
  int leastBytes() {
    return leastBytes;
  }
}
