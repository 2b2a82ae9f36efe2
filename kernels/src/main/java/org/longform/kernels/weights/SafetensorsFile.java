package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * One safetensors file: 8 bytes with the header's length, the header, the data. Each tensor is
 * mapped when it is first asked for.
 */
final class SafetensorsFile implements AutoCloseable {
  private static final int LENGTH_BYTES = Long.BYTES;
  // the format's own limit
  private static final long MAX_HEADER_BYTES = 100_000_000;

  private final TensorFile file;
  private final long dataStart;
  private final Map<String, StoredTensor> stored;

  private SafetensorsFile(TensorFile file, long dataStart, Map<String, StoredTensor> stored) {
    this.file = file;
    this.dataStart = dataStart;
    this.stored = stored;
  }

  static SafetensorsFile open(Path path) {
    return TensorFile.open(path, SafetensorsFile::read);
  }

  private static SafetensorsFile read(TensorFile file) throws IOException {
    Path path = file.path();
    long size = file.channel().size();
    if (size < LENGTH_BYTES) {
      throw TensorFile.invalid(
          path, "it has %d bytes, expected at least %d".formatted(size, LENGTH_BYTES));
    }
    long headerBytes = read(file, 0, LENGTH_BYTES).getLong();
    // unsigned in the format, so a negative number is a huge one
    if (headerBytes < 0 || headerBytes > Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES)) {
      throw TensorFile.invalid(
          path,
          "its header has %s bytes, expected at most %d"
              .formatted(
                  Long.toUnsignedString(headerBytes),
                  Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES)));
    }
    byte[] header = read(file, LENGTH_BYTES, (int) headerBytes).array();
    long dataStart = LENGTH_BYTES + headerBytes;
    return new SafetensorsFile(
        file, dataStart, SafetensorsHeader.parse(path, header, size - dataStart));
  }

  private static ByteBuffer read(TensorFile file, long from, int count) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (file.channel().read(buffer, from + buffer.position()) < 0) {
        throw TensorFile.invalid(file.path(), "it ended while its header was read");
      }
    }
    return buffer.flip();
  }

  Path path() {
    return file.path();
  }

  Map<String, StoredTensor> tensors() {
    return stored;
  }

  /** The tensor; a view of the mapped file, or of its copy if it is larger than 2 GiB. */
  Tensor tensor(String name, Shape expected) {
    StoredTensor tensor = stored.get(name);
    file.requireShape(name, tensor.shape(), expected);
    DType dtype = tensor.plain().orElseThrow(() -> unreadable(tensor));
    Memory bytes = file.mapped(name, dataStart + tensor.begin(), tensor.bytes());
    return Tensor.view(dtype, expected, bytes, 0);
  }

  /** The bytes of a tensor, mapped anew: the caller closes them. */
  StoredBytes bytes(String name) {
    StoredTensor tensor = stored.get(name);
    Memory bytes = file.map(name, dataStart + tensor.begin(), tensor.bytes());
    return new StoredBytes(name, tensor.dtype(), tensor.shape(), bytes);
  }

  private LongformException unreadable(StoredTensor tensor) {
    return TensorFile.invalid(
        path(),
        "tensor '%s' has dtype %s, expected F32, F16 or BF16"
            .formatted(tensor.name(), tensor.dtype()));
  }

  @Override
  public void close() {
    file.close();
  }
}
