package org.longform.kernels.weights;

import java.nio.ByteBuffer;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;

/**
 * The data of tensors, written one after the other in the order of a list; each begins at a
 * multiple of {@code alignment} bytes from the first.
 */
final class TensorData implements AutoCloseable {
  // encoded values are written in pieces of so many elements, a multiple of every block
  private static final int PIECE = 1 << 20;
  private static final int LARGEST_ALIGNMENT = 1 << 16;

  private final ReplacedFile file;
  private final List<TensorSpec> tensors;
  private final int alignment;
  private final byte[] copy = new byte[PIECE * Float.BYTES];
  private final Memory encoded = Memory.allocate((long) PIECE * Float.BYTES);
  private int current;
  private long written;

  TensorData(ReplacedFile file, List<TensorSpec> tensors, int alignment) {
    if (alignment < 1 || alignment > LARGEST_ALIGNMENT) {
      throw new IllegalArgumentException("Cannot align to %d bytes.".formatted(alignment));
    }
    this.file = file;
    this.tensors = tensors;
    this.alignment = alignment;
    skipEmpty();
  }

  /** Bytes from the beginning of a tensor to that of the next. */
  static long padded(long bytes, int alignment) {
    return Math.multiplyExact((bytes + alignment - 1) / alignment, (long) alignment);
  }

  /** Rounds the next values of the current tensor to its type; whole blocks, of one tensor. */
  void write(float[] values) {
    DType dtype = tensor().dtype();
    requireFits(dtype.bytes(values.length));
    for (int done = 0; done < values.length; done += PIECE) {
      int some = Math.min(PIECE, values.length - done);
      float[] piece = values;
      if (done > 0 || some < values.length) {
        piece = new float[some];
        System.arraycopy(values, done, piece, 0, some);
      }
      RowEncoder.encode(dtype, piece, some, encoded);
      int bytes = Math.toIntExact(dtype.bytes(some));
      encoded.readBytes(0, copy, 0, bytes);
      append(ByteBuffer.wrap(copy, 0, bytes));
    }
  }

  /** Takes the next bytes of the current tensor as they are. */
  void write(ByteBuffer bytes) {
    requireFits(bytes.remaining());
    append(bytes);
  }

  /** Checks that nothing is missing. */
  void end() {
    if (current < tensors.size()) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot end the file: tensor '%s' has %d of %d bytes."
              .formatted(tensor().name(), written, tensor().bytes()));
    }
  }

  private void append(ByteBuffer bytes) {
    written += bytes.remaining();
    file.write(bytes);
    if (written == tensor().bytes()) {
      file.write(ByteBuffer.allocate((int) (padded(written, alignment) - written)));
      current++;
      written = 0;
      skipEmpty();
    }
  }

  private void skipEmpty() {
    while (current < tensors.size() && tensor().bytes() == 0) {
      current++;
    }
  }

  private TensorSpec tensor() {
    if (current == tensors.size()) {
      throw new LongformException(
          ErrorClass.INTERNAL, "Cannot write more: all %d tensors are whole.".formatted(current));
    }
    return tensors.get(current);
  }

  private void requireFits(long bytes) {
    if (bytes > tensor().bytes() - written) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot write %d bytes to tensor '%s': %d of %d are written."
              .formatted(bytes, tensor().name(), written, tensor().bytes()));
    }
  }

  @Override
  public void close() {
    encoded.close();
  }
}
