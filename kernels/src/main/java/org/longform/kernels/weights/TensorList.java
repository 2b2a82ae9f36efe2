package org.longform.kernels.weights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;

/**
 * The tensors of a model as the headers of its files tell them: the data is not touched, so it
 * costs little for a model of any size, and types that nobody can read are told, too.
 *
 * @param format what kind of files they are
 * @param tensors in the order of their names
 */
public record TensorList(String format, List<Entry> tensors) {
  /**
   * One of them.
   *
   * @param type the file's word for how its numbers are stored
   * @param dtype the same where it can be read
   */
  public record Entry(String name, String type, Optional<DType> dtype, Shape shape, long bytes) {}

  public TensorList {
    tensors = tensors.stream().sorted(Comparator.comparing(Entry::name)).toList();
  }

  /**
   * @throws LongformException INVALID_MODEL naming file, tensor, found and expected
   */
  public static TensorList of(Path model) {
    return GgufWeights.isGguf(model) ? ofGguf(model) : ofDirectory(model);
  }

  /** Those of them whose name passes. */
  public TensorList only(Predicate<String> names) {
    return new TensorList(
        format, tensors.stream().filter(tensor -> names.test(tensor.name())).toList());
  }

  /** Bytes of all tensors. */
  public long bytes() {
    return tensors.stream().mapToLong(Entry::bytes).sum();
  }

  private static TensorList ofGguf(Path file) {
    try (GgufWeights weights = GgufWeights.open(file)) {
      int files = weights.files();
      return new TensorList(
          files == 1 ? "GGUF file" : "GGUF in %d files".formatted(files),
          weights.tensors().stream()
              .map(
                  tensor ->
                      new Entry(
                          tensor.name(),
                          tensor.type().name(),
                          tensor.type().dtype(),
                          tensor.shape(),
                          tensor.bytes()))
              .toList());
    }
  }

  private static TensorList ofDirectory(Path directory) {
    Path single = directory.resolve("model.safetensors");
    if (Files.exists(single)) {
      return new TensorList("safetensors", entries(single));
    }
    Map<String, Path> shardOfTensor = ShardIndex.read(directory);
    List<Entry> all = new ArrayList<>();
    LinkedHashSet<Path> shards = new LinkedHashSet<>(shardOfTensor.values());
    for (Path shard : shards) {
      for (Entry entry : entries(shard)) {
        if (shard.equals(shardOfTensor.get(entry.name()))) {
          all.add(entry);
        }
      }
    }
    return new TensorList("safetensors in %d files".formatted(shards.size()), all);
  }

  private static List<Entry> entries(Path file) {
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      return opened.tensors().values().stream()
          .map(
              tensor ->
                  new Entry(
                      tensor.name(),
                      tensor.dtype(),
                      tensor.plain(),
                      tensor.shape(),
                      tensor.bytes()))
          .toList();
    }
  }
}
