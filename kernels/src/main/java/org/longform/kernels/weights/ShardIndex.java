package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.longform.kernels.error.LongformException;

/**
 * {@code model.safetensors.index.json}: which shard holds which tensor. A shard must be a file
 * directly in the model's directory. If it is a symbolic link, it must lead to that directory, or
 * to the {@code blobs} beside {@code snapshots}, as the hub's cache lays it out.
 */
final class ShardIndex {
  static final String FILE = "model.safetensors.index.json";

  private static final long MAX_BYTES = 64L << 20;

  private ShardIndex() {}

  /** The shard of each tensor. */
  static Map<String, Path> read(Path directory) {
    Path index = directory.resolve(FILE);
    if (!(StrictJson.readObject(index, MAX_BYTES).get("weight_map") instanceof Map<?, ?> map)) {
      throw TensorFile.invalid(index, "it has no object weight_map");
    }
    Map<String, Path> checked = new LinkedHashMap<>();
    Map<String, Path> shardOfTensor = new LinkedHashMap<>();
    map.forEach(
        (tensor, shard) -> {
          if (!(shard instanceof String name)) {
            throw TensorFile.invalid(
                index, "weight_map gives tensor '%s' no file name".formatted(tensor));
          }
          shardOfTensor.put(
              (String) tensor, checked.computeIfAbsent(name, key -> shard(directory, index, key)));
        });
    return shardOfTensor;
  }

  private static Path shard(Path directory, Path index, String name) {
    try {
      Path path = directory.resolve(name);
      if (name.isEmpty()
          || !path.getFileName().toString().equals(name)
          || name.equals("..")
          || name.equals(".")) {
        throw outside(index, name);
      }
      if (!Files.exists(path)) {
        throw TensorFile.invalid(index, "shard '%s' does not exist".formatted(name));
      }
      if (!allowed(directory.toRealPath(), path.toRealPath())) {
        throw outside(index, name);
      }
      return path;
    } catch (InvalidPathException | IOException e) {
      throw TensorFile.invalid(index, "shard '%s' cannot be found (%s)".formatted(name, e));
    }
  }

  /** In the directory, or in the hub cache's {@code blobs} that belong to its {@code snapshots}. */
  private static boolean allowed(Path directory, Path shard) {
    if (directory.equals(shard.getParent())) {
      return true;
    }
    Path snapshots = directory.getParent();
    return snapshots != null
        && snapshots.getFileName() != null
        && snapshots.getFileName().toString().equals("snapshots")
        && snapshots.resolveSibling("blobs").equals(shard.getParent());
  }

  private static LongformException outside(Path index, String name) {
    return TensorFile.invalid(
        index, "shard '%s' is not a file of the model's directory".formatted(name));
  }
}
