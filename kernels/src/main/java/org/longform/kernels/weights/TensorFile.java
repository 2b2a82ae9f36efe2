package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;

/** A file with tensors that is open, whatever its format. */
final class TensorFile implements AutoCloseable {
  /** Reads what a format has before the tensors; the file belongs to the result. */
  interface Format<T> {
    T read(TensorFile file) throws IOException;
  }

  private final Path path;
  private final FileChannel channel;
  private final Map<String, Memory> mapped = new HashMap<>();

  private TensorFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /**
   * @throws LongformException INVALID_MODEL if it cannot be read; it is closed then
   */
  static <T> T open(Path path, Format<T> format) {
    try {
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      try {
        return format.read(new TensorFile(path, channel));
      } catch (Throwable e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw invalid(
          path,
          Files.exists(path) ? "it cannot be read (%s)".formatted(e) : "the file does not exist");
    }
  }

  Path path() {
    return path;
  }

  FileChannel channel() {
    return channel;
  }

  void requireShape(String tensor, Shape found, Shape expected) {
    if (!found.equals(expected)) {
      throw invalid(
          path, "tensor '%s' has shape %s, expected %s".formatted(tensor, found, expected));
    }
  }

  /** The bytes of a tensor, mapped when they are first asked for; they stay until the file goes. */
  Memory mapped(String tensor, long begin, long bytes) {
    return mapped.computeIfAbsent(tensor, key -> map(tensor, begin, bytes));
  }

  /** The bytes of a tensor, mapped anew: the caller closes them. */
  Memory map(String tensor, long begin, long bytes) {
    try {
      return MappedBytes.map(channel, begin, bytes);
    } catch (IOException e) {
      throw invalid(path, "tensor '%s' cannot be mapped (%s)".formatted(tensor, e));
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
          ErrorClass.INTERNAL, "Cannot close '%s': %s.".formatted(path, e), e);
    }
  }
}
