package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * The weights and the metadata of a GGUF file. The file is checked whole when it is opened; each
 * tensor is mapped read-only when it is first asked for, so processes of one machine share it, and
 * nobody may change the file while it is open. A tensor of more than 2 GiB is copied into memory.
 * Tensors of types that no {@link DType} stands for may be present; they cannot be asked for.
 */
public final class GgufWeights implements WeightSource {
  private static final String PARTS = "split.count";

  private final Path file;
  private final FileChannel channel;
  private final GgufHeader header;
  private final Map<String, Memory> mapped = new HashMap<>();

  private GgufWeights(Path file, FileChannel channel, GgufHeader header) {
    this.file = file;
    this.channel = channel;
    this.header = header;
  }

  /** Whether a path is meant to be such a file. */
  public static boolean isGguf(Path path) {
    return path.getFileName() != null && path.getFileName().toString().endsWith(".gguf");
  }

  /**
   * @throws LongformException INVALID_MODEL naming file, key or tensor, found and expected
   */
  public static GgufWeights open(Path file) {
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      try {
        GgufWeights weights = new GgufWeights(file, channel, GgufHeader.read(file, channel));
        weights.requireWhole();
        return weights;
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

  /** The metadata of a file, without keeping it open. */
  public static GgufMetadata metadata(Path file) {
    try (GgufWeights weights = open(file)) {
      return weights.metadata();
    }
  }

  private void requireWhole() {
    long parts = metadata().integer(PARTS).orElse(1L);
    if (parts > 1) {
      throw new LongformException(
          ErrorClass.UNSUPPORTED_MODEL,
          "Cannot load weights from '%s': it is one of %d parts (%s). Join them with llama-gguf-split --merge."
              .formatted(file, parts, PARTS));
    }
  }

  public GgufMetadata metadata() {
    return header.metadata();
  }

  @Override
  public Set<String> names() {
    return Set.copyOf(header.tensors().keySet());
  }

  @Override
  public boolean contains(String name) {
    return header.tensors().containsKey(name);
  }

  @Override
  public Optional<Shape> shape(String name) {
    return Optional.ofNullable(header.tensors().get(name)).map(GgufTensor::shape);
  }

  @Override
  public synchronized Tensor tensor(String name, Shape expected) {
    GgufTensor tensor = header.tensors().get(name);
    if (tensor == null) {
      throw SafetensorsFile.invalid(
          file,
          "tensor '%s' %s is missing (%d others are there)"
              .formatted(name, expected, header.tensors().size()));
    }
    if (!tensor.shape().equals(expected)) {
      throw SafetensorsFile.invalid(
          file, "tensor '%s' has shape %s, expected %s".formatted(name, tensor.shape(), expected));
    }
    DType dtype =
        tensor
            .type()
            .dtype()
            .orElseThrow(
                () ->
                    new LongformException(
                        ErrorClass.UNSUPPORTED_MODEL,
                        "Cannot load weights from '%s': tensor '%s' has type %s, which cannot be read. Use a file of another quantisation."
                            .formatted(file, name, tensor.type())));
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
  public long bytes() {
    return header.tensors().values().stream().mapToLong(GgufTensor::bytes).sum();
  }

  @Override
  public synchronized void close() {
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
