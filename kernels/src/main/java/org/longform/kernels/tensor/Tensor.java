package org.longform.kernels.tensor;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A dense row-major array in off-heap memory. A tensor that was allocated owns its memory and must
 * be closed; slices and tensors over mapped files own nothing and closing them does nothing.
 */
public final class Tensor implements AutoCloseable {
  private static final Runnable NOTHING = () -> {};

  private final DType dtype;
  private final Shape shape;
  private final Memory memory;
  private final long byteOffset;
  // nothing for a tensor that owns nothing
  private final Runnable release;

  private Tensor(DType dtype, Shape shape, Memory memory, long byteOffset, Runnable release) {
    this.dtype = dtype;
    this.shape = shape;
    this.memory = memory;
    this.byteOffset = byteOffset;
    this.release = release;
    if (shape.rowElements() % dtype.blockElements() != 0) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot make a tensor %s %s: its rows are no multiple of a block of %d."
              .formatted(dtype, shape, dtype.blockElements()));
    }
    long bytes = dtype.bytes(shape.elements());
    if (byteOffset < 0 || byteOffset > memory.size() - bytes) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot place a tensor %s %s at byte %d: the block has %d bytes."
              .formatted(dtype, shape, byteOffset, memory.size()));
    }
  }

  /** A zeroed float32 tensor that owns its memory. */
  public static Tensor allocate(long... axes) {
    return allocate(MemorySource.HOST, axes);
  }

  /** A zeroed float32 tensor that owns its memory, which it has from a source. */
  public static Tensor allocate(MemorySource source, long... axes) {
    Shape shape = Shape.of(axes);
    Memory memory = source.allocate(Math.multiplyExact(shape.elements(), (long) Float.BYTES));
    return new Tensor(DType.F32, shape, memory, 0, memory::close);
  }

  /**
   * A zeroed tensor of any type that owns its memory. What is not float32 is written there, whole
   * blocks at a time.
   */
  public static Tensor allocate(DType dtype, Shape shape) {
    Memory memory = Memory.allocate(dtype.bytes(shape.elements()));
    try {
      return new Tensor(dtype, shape, memory, 0, memory::close);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /** A float32 tensor with a copy of {@code values}, which owns its memory. */
  public static Tensor of(float[] values, long... axes) {
    Tensor tensor = allocate(axes);
    if (tensor.elements() != values.length) {
      tensor.close();
      throw new IllegalArgumentException(
          "Cannot make a tensor %s of %d values.".formatted(Shape.of(axes), values.length));
    }
    tensor.write(0, values);
    return tensor;
  }

  /** A view of {@code memory}, which stays with its owner. */
  public static Tensor view(DType dtype, Shape shape, Memory memory, long byteOffset) {
    return new Tensor(dtype, shape, memory, byteOffset, NOTHING);
  }

  /**
   * All of another tensor, whose memory several may hold.
   *
   * @param release runs on each {@link #close}
   */
  public static Tensor held(Tensor tensor, Runnable release) {
    return new Tensor(tensor.dtype, tensor.shape, tensor.memory, tensor.byteOffset, release);
  }

  public DType dtype() {
    return dtype;
  }

  public Shape shape() {
    return shape;
  }

  public long elements() {
    return shape.elements();
  }

  public long rows() {
    return shape.axis(0);
  }

  public Memory memory() {
    return memory;
  }

  public long byteOffset() {
    return byteOffset;
  }

  /** Machine address of the first element, for the host. */
  public long address() {
    return memory.address(byteOffset);
  }

  /** Machine address of the first element, as {@link Memory#address(long, MemoryOwner)}. */
  public long address(MemoryOwner reader) {
    return memory.address(byteOffset, reader);
  }

  /** The element at the flat index, widened to float32. */
  public float get(long index) {
    if (dtype == DType.F32) {
      check(index, 1);
      return memory.getFloat(byteOffset + index * Float.BYTES);
    }
    float[] one = new float[1];
    read(index, one, 0, 1);
    return one[0];
  }

  /** Sets a float32 element. */
  public void set(long index, float value) {
    requireF32();
    check(index, 1);
    memory.putFloat(byteOffset + index * Float.BYTES, value);
  }

  /** Copies elements from flat index {@code from} on, widened to float32. */
  public void read(long from, float[] target) {
    read(from, target, 0, target.length);
  }

  /** Copies {@code count} elements from flat index {@code from} on to {@code target[offset…]}. */
  public void read(long from, float[] target, int offset, int count) {
    check(from, count);
    if (dtype == DType.F32) {
      memory.read(byteOffset + from * Float.BYTES, target, offset, count);
      return;
    }
    if (dtype.isQuantised()) {
      readBlocks(from, target, offset, count);
      return;
    }
    short[] bits = new short[Math.min(count, 4096)];
    for (int done = 0; done < count; done += bits.length) {
      int some = Math.min(bits.length, count - done);
      memory.readShorts(byteOffset + (from + done) * dtype.blockBytes(), bits, some);
      HalfFloats.widen(dtype, bits, some, target, offset + done);
    }
  }

  private void readBlocks(long from, float[] target, int offset, int count) {
    BlockFormat format = BlockFormat.of(dtype);
    int width = dtype.blockElements();
    float[] block = new float[width];
    for (int done = 0; done < count; ) {
      int within = (int) ((from + done) % width);
      int some = Math.min(width - within, count - done);
      long at = byteOffset + (from + done) / width * dtype.blockBytes();
      if (some == width) {
        format.decode(memory, at, target, offset + done);
      } else {
        format.decode(memory, at, block, 0);
        System.arraycopy(block, within, target, offset + done, some);
      }
      done += some;
    }
  }

  /** Copies {@code source} to flat index {@code from} on; float32 only. */
  public void write(long from, float[] source) {
    write(from, source, 0, source.length);
  }

  public void write(long from, float[] source, int offset, int count) {
    requireF32();
    check(from, count);
    memory.write(byteOffset + from * Float.BYTES, source, offset, count);
  }

  /** All elements as float32, on the heap. */
  public float[] toArray() {
    float[] copy = new float[Math.toIntExact(elements())];
    read(0, copy);
    return copy;
  }

  /** A view of {@code count} entries of the first axis; it owns nothing. */
  public Tensor rows(long from, long count) {
    if (from < 0 || count < 0 || from > rows() - count) {
      throw new IndexOutOfBoundsException(
          "Cannot take rows %d to %d of %s.".formatted(from, from + count, shape));
    }
    long offset = byteOffset + dtype.bytes(from * shape.rowElements());
    return new Tensor(dtype, shape.withRows(count), memory, offset, NOTHING);
  }

  private void check(long from, long count) {
    // the block may be larger than this tensor, so its own check is not enough
    if (from < 0 || count < 0 || from > elements() - count) {
      throw new IndexOutOfBoundsException(
          "Cannot access elements %d to %d: the tensor %s has %d."
              .formatted(from, from + count, shape, elements()));
    }
  }

  private void requireF32() {
    if (dtype != DType.F32) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot write to a %s tensor: only F32 is written.".formatted(dtype));
    }
  }

  @Override
  public void close() {
    release.run();
  }
}
