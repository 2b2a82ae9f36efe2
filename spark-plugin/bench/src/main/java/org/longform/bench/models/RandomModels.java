package org.longform.bench.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;

/** Random-weight GGUF files in a folder, each made when it is first asked for. */
public final class RandomModels {
  /** Weight types a model is made in. */
  public static final List<DType> TYPES = List.of(DType.Q8_0, DType.Q4_0, DType.F16);

  private static final String PREFIX = "random-";

  private final Path folder;

  public RandomModels(Path folder) {
    this.folder = folder;
  }

  /** The file of a model, its matrices in {@code dtype} and its norms in float32. */
  public Path file(ModelShape shape, DType dtype) {
    Path file = folder.resolve(PREFIX + shape.name() + "-" + dtype + ".gguf");
    if (Files.exists(file)) {
      return file;
    }
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot make folder '%s' for models: %s. Choose another with --models."
              .formatted(folder, e.getMessage()),
          e);
    }
    RandomGguf.write(shape, dtype, file);
    return file;
  }

  /** Weights outside of any file. */
  public static Memory blocks(DType dtype, long elements) {
    ByteBuffer pool = RandomGguf.pool(dtype);
    byte[] bytes = pool.array();
    Memory memory = Memory.allocate(dtype.bytes(elements));
    for (long at = 0; at < memory.size(); at += bytes.length) {
      memory.writeBytes(at, bytes, 0, (int) Math.min(bytes.length, memory.size() - at));
    }
    return memory;
  }

  /** Deletes the models that were made here; other files stay. */
  public void delete() throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (file.getFileName().toString().startsWith(PREFIX)) {
          Files.delete(file);
        }
      }
    }
  }
}
