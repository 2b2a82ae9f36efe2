package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.longform.kernels.error.ErrorClass;
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

  private final Path file;
  private final FileChannel channel;
  private final long dataStart;
  private final Map<String, StoredTensor> stored;
  private final Map<String, Memory> mapped = new HashMap<>();

  private SafetensorsFile(
      Path file, FileChannel channel, long dataStart, Map<String, StoredTensor> stored) {
    this.file = file;
    this.channel = channel;
    this.dataStart = dataStart;
    this.stored = stored;
  }

  static SafetensorsFile open(Path file) {
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      try {
        return open(file, channel);
      } catch (Throwable e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw invalid(
          file,
          Files.exists(file) ? "it cannot be read (%s)".formatted(e) : "the file does not exist");
    }
  }

  private static SafetensorsFile open(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < LENGTH_BYTES) {
      throw invalid(file, "it has %d bytes, expected at least %d".formatted(size, LENGTH_BYTES));
    }
    long headerBytes = read(file, channel, 0, LENGTH_BYTES).getLong();
    // unsigned in the format, so a negative number is a huge one
    if (headerBytes < 0 || headerBytes > Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES)) {
      throw invalid(
          file,
          "its header has %s bytes, expected at most %d"
              .formatted(
                  Long.toUnsignedString(headerBytes),
                  Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES)));
    }
    byte[] header = read(file, channel, LENGTH_BYTES, (int) headerBytes).array();
    long dataStart = LENGTH_BYTES + headerBytes;
    return new SafetensorsFile(
        file, channel, dataStart, SafetensorsHeader.parse(file, header, size - dataStart));
  }

  private static ByteBuffer read(Path file, FileChannel channel, long from, int count)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, from + buffer.position()) < 0) {
        throw invalid(file, "it ended while its header was read");
      }
    }
    return buffer.flip();
  }

  Path file() {
    return file;
  }

  Map<String, StoredTensor> tensors() {
    return stored;
  }

  /** The tensor; a view of the mapped file, or of its copy if it is larger than 2 GiB. */
  Tensor tensor(String name, Shape expected) {
    StoredTensor tensor = stored.get(name);
    if (!tensor.shape().equals(expected)) {
      throw invalid(
          file, "tensor '%s' has shape %s, expected %s".formatted(name, tensor.shape(), expected));
    }
    return Tensor.view(
        dtype(tensor), expected, mapped.computeIfAbsent(name, key -> map(tensor)), 0);
  }

  /** The bytes of a tensor, mapped anew: the caller closes them. */
  StoredBytes bytes(String name) {
    StoredTensor tensor = stored.get(name);
    return new StoredBytes(name, tensor.dtype(), tensor.shape(), map(tensor));
  }

  private DType dtype(StoredTensor tensor) {
    return switch (tensor.dtype()) {
      case "F32" -> DType.F32;
      case "F16" -> DType.F16;
      case "BF16" -> DType.BF16;
      default ->
          throw invalid(
              file,
              "tensor '%s' has dtype %s, expected F32, F16 or BF16"
                  .formatted(tensor.name(), tensor.dtype()));
    };
  }

  private Memory map(StoredTensor tensor) {
    try {
      return MappedBytes.map(channel, dataStart + tensor.begin(), tensor.bytes());
    } catch (IOException e) {
      throw invalid(file, "tensor '%s' cannot be mapped (%s)".formatted(tensor.name(), e));
    }
  }

  static LongformException invalid(Path file, String why) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot load weights from '%s': %s. Download or convert the model again."
            .formatted(file, why));
  }

  @Override
  public void close() {
    mapped.values().forEach(Memory::close);
    mapped.clear();
    try {
      channel.close();
    } catch (IOException e) {
      throw new LongformException(
          ErrorClass.INTERNAL, "Cannot close '%s': %s.".formatted(file, e), e);
    }
  }
}
