package org.longform.kernels.weights;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * A tensor of a safetensors file as its bytes, whatever its dtype; mapped until it is closed. It
 * may be read by several threads.
 */
public final class StoredBytes implements AutoCloseable {
  // the exponent of an F8_E8M0 has this bias, and nothing beside it
  private static final int E8M0_BIAS = 127;

  private final String name;
  private final String dtype;
  private final Shape shape;
  private final Memory memory;

  StoredBytes(String name, String dtype, Shape shape, Memory memory) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.memory = memory;
  }

  /** The header's word for the element type. */
  public String dtype() {
    return dtype;
  }

  public Shape shape() {
    return shape;
  }

  /** Copies {@code target.length} bytes from byte {@code from} on. */
  public void read(long from, byte[] target) {
    memory.readBytes(from, target, 0, target.length);
  }

  /** Copies {@code count} int32 elements from flat index {@code from} on. */
  public void read(long from, int[] target, int count) {
    byte[] bytes = new byte[count * Integer.BYTES];
    memory.readBytes(from * Integer.BYTES, bytes, 0, bytes.length);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(target, 0, count);
  }

  /**
   * All elements of an I64, I32 or I8 tensor.
   *
   * @throws LongformException INVALID_MODEL for another dtype
   */
  public long[] wholeNumbers() {
    int count = Math.toIntExact(shape.elements());
    byte[] bytes = new byte[Math.toIntExact(memory.size())];
    read(0, bytes);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long[] numbers = new long[count];
    for (int i = 0; i < count; i++) {
      numbers[i] =
          switch (dtype) {
            case "I64" -> buffer.getLong();
            case "I32" -> buffer.getInt();
            case "I8" -> buffer.get();
            default -> throw unexpected("I64, I32 or I8");
          };
    }
    return numbers;
  }

  /**
   * All elements of an F32, F16, BF16 or F8_E8M0 tensor.
   *
   * @throws LongformException INVALID_MODEL for another dtype
   */
  public float[] floats() {
    return switch (dtype) {
      case "F32", "F16", "BF16" -> Tensor.view(DType.valueOf(dtype), shape, memory, 0).toArray();
      case "F8_E8M0" -> powersOfTwo();
      default -> throw unexpected("F32, F16, BF16 or F8_E8M0");
    };
  }

  private float[] powersOfTwo() {
    byte[] exponents = new byte[Math.toIntExact(shape.elements())];
    read(0, exponents);
    float[] values = new float[exponents.length];
    for (int i = 0; i < values.length; i++) {
      int exponent = exponents[i] & 0xff;
      values[i] = exponent == 0xff ? Float.NaN : (float) Math.scalb(1.0, exponent - E8M0_BIAS);
    }
    return values;
  }

  private LongformException unexpected(String expected) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot read tensor '%s': it has dtype %s, expected %s. Download or convert the model again."
            .formatted(name, dtype, expected));
  }

  @Override
  public void close() {
    memory.close();
  }
}
