package org.longform.kernels.weights;

import java.util.Map;
import java.util.Optional;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;

/**
 * A tensor as a safetensors header tells it.
 *
 * @param dtype the header's word for its element type
 * @param begin first byte, counted from the end of the header
 * @param end one past the last byte
 */
record StoredTensor(String name, String dtype, Shape shape, long begin, long end) {
  // what the format defines, with bytes of one element; types of less than a byte are not listed
  private static final Map<String, Integer> ELEMENT_BYTES =
      Map.ofEntries(
          Map.entry("BOOL", 1),
          Map.entry("U8", 1),
          Map.entry("I8", 1),
          Map.entry("F8_E5M2", 1),
          Map.entry("F8_E4M3", 1),
          Map.entry("F8_E8M0", 1),
          Map.entry("I16", 2),
          Map.entry("U16", 2),
          Map.entry("F16", 2),
          Map.entry("BF16", 2),
          Map.entry("I32", 4),
          Map.entry("U32", 4),
          Map.entry("F32", 4),
          Map.entry("I64", 8),
          Map.entry("U64", 8),
          Map.entry("F64", 8),
          Map.entry("C64", 8));

  /** Its element type, where it is one that weights are read as. */
  Optional<DType> plain() {
    return switch (dtype) {
      case "F32" -> Optional.of(DType.F32);
      case "F16" -> Optional.of(DType.F16);
      case "BF16" -> Optional.of(DType.BF16);
      default -> Optional.empty();
    };
  }

  long bytes() {
    return end - begin;
  }

  /**
   * Bytes that dtype and shape ask for; those of the offsets for a dtype of unknown size.
   *
   * @throws ArithmeticException if the number overflows
   */
  long expectedBytes() {
    Integer element = ELEMENT_BYTES.get(dtype);
    return element == null ? bytes() : Math.multiplyExact(shape.elements(), (long) element);
  }
}
