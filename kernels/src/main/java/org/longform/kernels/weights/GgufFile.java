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
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/** One GGUF file. Each tensor is mapped when it is first asked for. */
final class GgufFile implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;
  private final GgufHeader header;
  private final Map<String, Memory> mapped = new HashMap<>();

  private GgufFile(Path file, FileChannel channel, GgufHeader header) {
    this.file = file;
    this.channel = channel;
    this.header = header;
  }

  static GgufFile open(Path file) {
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      try {
        return new GgufFile(file, channel, GgufHeader.read(file, channel));
      } catch (Throwable e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw SafetensorsFile.invalid(
          file,
          Files.exists(file) ? "it cannot be read (%s)".formatted(e) : "the file does not exist");
    }
  }

  Path file() {
    return file;
  }

  GgufMetadata metadata() {
    return header.metadata();
  }

  Map<String, GgufTensor> tensors() {
    return header.tensors();
  }

  /** The tensor; a view of the mapped file, or of its copy if it is larger than 2 GiB. */
  Tensor tensor(String name, Shape expected) {
    GgufTensor tensor = tensors().get(name);
    if (!tensor.shape().equals(expected)) {
      throw SafetensorsFile.invalid(
          file, "tensor '%s' has shape %s, expected %s".formatted(name, tensor.shape(), expected));
    }
    DType dtype =
        tensor
            .type()
            .dtype()
            // a quantised type stands for rows of a matrix
            .filter(type -> !type.isQuantised() || expected.rank() > 1)
            .orElseThrow(
                () ->
                    new LongformException(
                        ErrorClass.UNSUPPORTED_MODEL,
                        "Cannot load weights from '%s': tensor '%s' %s has type %s, which cannot be read. Use a file of another quantisation."
                            .formatted(file, name, expected, tensor.type())));
    return Tensor.view(dtype, expected, mapped.computeIfAbsent(name, key -> map(tensor)), 0);
  }

  private Memory map(GgufTensor tensor) {
    try {
      return MappedBytes.map(channel, tensor.begin(), tensor.bytes());
    } catch (IOException e) {
      throw SafetensorsFile.invalid(
          file, "tensor '%s' cannot be mapped (%s)".formatted(tensor.name(), e));
    }
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
