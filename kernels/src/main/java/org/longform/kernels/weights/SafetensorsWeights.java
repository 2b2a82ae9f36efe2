package org.longform.kernels.weights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * The weights of a model directory in Hugging Face's layout: {@code model.safetensors}, or {@code
 * model.safetensors.index.json} and the shards it names. Files are checked whole when opened, and
 * mapped read-only, so processes of one machine share them; nobody may change a file while it is
 * open. A tensor of more than 2 GiB is copied into memory. F32, F16 and BF16 can be asked for as
 * tensors, all others as their bytes.
 */
public final class SafetensorsWeights implements WeightSource {
  private static final String SINGLE = "model.safetensors";

  private final Path directory;
  private final List<SafetensorsFile> files = new ArrayList<>();
  private final Map<String, SafetensorsFile> places = new HashMap<>();

  private SafetensorsWeights(Path directory) {
    this.directory = directory;
  }

  /**
   * @throws LongformException INVALID_MODEL naming file, tensor, found and expected
   */
  public static SafetensorsWeights open(Path directory) {
    SafetensorsWeights weights = new SafetensorsWeights(directory);
    try {
      if (Files.exists(directory.resolve(SINGLE))) {
        SafetensorsFile file = weights.add(directory.resolve(SINGLE));
        file.tensors().keySet().forEach(name -> weights.places.put(name, file));
      } else if (Files.exists(directory.resolve(ShardIndex.FILE))) {
        weights.addShards(ShardIndex.read(directory));
      } else {
        throw TensorFile.invalid(
            directory, "it has neither %s nor %s".formatted(SINGLE, ShardIndex.FILE));
      }
      return weights;
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  /**
   * The tensors of one file of any name.
   *
   * @throws LongformException INVALID_MODEL naming file, tensor, found and expected
   */
  public static SafetensorsWeights openFile(Path path) {
    SafetensorsWeights weights = new SafetensorsWeights(path);
    SafetensorsFile file = weights.add(path);
    file.tensors().keySet().forEach(name -> weights.places.put(name, file));
    return weights;
  }

  private SafetensorsFile add(Path path) {
    SafetensorsFile file = SafetensorsFile.open(path);
    files.add(file);
    return file;
  }

  private void addShards(Map<String, Path> shardOfTensor) {
    Map<Path, SafetensorsFile> opened = new LinkedHashMap<>();
    shardOfTensor.forEach(
        (name, path) -> {
          SafetensorsFile file = opened.computeIfAbsent(path, this::add);
          if (!file.tensors().containsKey(name)) {
            throw TensorFile.invalid(
                file.path(),
                "it lacks tensor '%s', which %s expects there".formatted(name, ShardIndex.FILE));
          }
          places.put(name, file);
        });
  }

  @Override
  public Set<String> names() {
    return Set.copyOf(places.keySet());
  }

  @Override
  public boolean contains(String name) {
    return places.containsKey(name);
  }

  @Override
  public Optional<Shape> shape(String name) {
    return Optional.ofNullable(places.get(name)).map(file -> file.tensors().get(name).shape());
  }

  @Override
  public synchronized Tensor tensor(String name, Shape expected) {
    SafetensorsFile file = places.get(name);
    if (file == null) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot load weights from '%s': tensor '%s' %s is missing (%d others are there). Download or convert the model again."
              .formatted(directory, name, expected, places.size()));
    }
    return file.tensor(name, expected);
  }

  /** The header's word for the element type of a tensor that is there. */
  public String dtype(String name) {
    return places.get(name).tensors().get(name).dtype();
  }

  /**
   * A tensor that is there, of any dtype, as its bytes.
   *
   * @return mapped until it is closed
   */
  public synchronized StoredBytes stored(String name) {
    return places.get(name).bytes(name);
  }

  @Override
  public long bytes() {
    return places.entrySet().stream()
        .mapToLong(entry -> entry.getValue().tensors().get(entry.getKey()).bytes())
        .sum();
  }

  @Override
  public synchronized void close() {
    places.clear();
    files.forEach(SafetensorsFile::close);
    files.clear();
  }
}
