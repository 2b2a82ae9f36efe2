package org.longform.kernels.weights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * The weights and the metadata of a GGUF file, or of all parts of one that {@code gguf-split} made
 * parts of, named by the first. Files are checked whole when they are opened; each tensor is mapped
 * read-only when it is first asked for, so processes of one machine share it, and nobody may change
 * a file while it is open. A tensor of more than 2 GiB is copied into memory. Tensors of types that
 * no {@link DType} stands for may be present; they cannot be asked for.
 */
public final class GgufWeights implements WeightSource {
  private static final String SPLIT = "split.";
  private static final String NUMBER = "split.no";
  private static final String COUNT = "split.count";
  private static final String TENSORS = "split.tensors.count";

  private final Path path;
  private final List<GgufFile> files = new ArrayList<>();
  // in the order of the files
  private final Map<String, GgufFile> places = new LinkedHashMap<>();
  private GgufMetadata metadata = new GgufMetadata();

  private GgufWeights(Path path) {
    this.path = path;
  }

  /** Whether a path is meant to be such a file. */
  public static boolean isGguf(Path path) {
    return path.getFileName() != null && path.getFileName().toString().endsWith(".gguf");
  }

  /**
   * @param path of the file, or of the first part
   * @throws LongformException INVALID_MODEL naming file, key or tensor, found and expected
   */
  public static GgufWeights open(Path path) {
    GgufWeights weights = new GgufWeights(path);
    try {
      weights.open();
      return weights;
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  /** The metadata of a file, without keeping it open. */
  public static GgufMetadata metadata(Path file) {
    try (GgufWeights weights = open(file)) {
      return weights.metadata();
    }
  }

  private void open() {
    GgufFile first = add(path);
    take(first);
    // what is written with it is whole
    metadata = first.metadata().without(SPLIT);
    // parts that were joined again say that they are 0
    long count = first.metadata().has(COUNT) ? number(first, COUNT) : 0;
    if (count < 0 || count > GgufParts.MOST) {
      throw invalid(
          first,
          "it says that it is one of %d parts (%s), expected at most %d"
              .formatted(count, COUNT, GgufParts.MOST));
    }
    if (count > 1) {
      addOthers(first, (int) count);
    }
  }

  private void addOthers(GgufFile first, int count) {
    requireFirst(first, count);
    for (int i = 1; i < count; i++) {
      GgufFile part = add(part(i, count));
      requireBelongs(part, i, count);
      take(part);
    }
    requireAll(first);
  }

  private void requireFirst(GgufFile first, int count) {
    String name = GgufParts.beside(path.getFileName().toString(), 0, count);
    long number = number(first, NUMBER);
    if (number != 0) {
      throw invalid(
          first,
          "it is part %d of %d, and a model in parts is named by the first%s"
              .formatted(number + 1, count, name.isEmpty() ? "" : ", '%s'".formatted(name)));
    }
    if (!path.getFileName().toString().equals(name)) {
      throw invalid(
          first,
          "it is the first of %d parts, and a name that does not end in '%s' does not tell those of the others"
              .formatted(count, "-00001-of-%05d.gguf".formatted(count)));
    }
  }

  private Path part(int index, int count) {
    String name = GgufParts.beside(path.getFileName().toString(), index, count);
    Path part = path.resolveSibling(name);
    if (!Files.exists(part)) {
      throw TensorFile.invalid(
          path,
          "it is the first of %d parts, and part %d ('%s') is missing"
              .formatted(count, index + 1, name));
    }
    return part;
  }

  private static void requireBelongs(GgufFile part, int index, long count) {
    if (number(part, COUNT) != count) {
      throw invalid(
          part,
          "it says that it is one of %d parts (%s), and the first part says %d"
              .formatted(number(part, COUNT), COUNT, count));
    }
    if (number(part, NUMBER) != index) {
      throw invalid(
          part,
          "it says that it is part %d (%s), and its name that it is part %d"
              .formatted(number(part, NUMBER) + 1, NUMBER, index + 1));
    }
  }

  private void requireAll(GgufFile first) {
    if (first.metadata().has(TENSORS) && number(first, TENSORS) != places.size()) {
      throw invalid(
          first,
          "its %d parts have %d tensors, and it says %d (%s)"
              .formatted(files.size(), places.size(), number(first, TENSORS), TENSORS));
    }
  }

  private static long number(GgufFile file, String key) {
    GgufMetadata metadata = file.metadata();
    return metadata
        .integer(key)
        .orElseThrow(
            () ->
                invalid(
                    file,
                    metadata.has(key)
                        ? "metadata key '%s' is no whole number".formatted(key)
                        : "it lacks metadata key '%s', which parts of a model have"
                            .formatted(key)));
  }

  private GgufFile add(Path file) {
    GgufFile opened = GgufFile.open(file);
    files.add(opened);
    return opened;
  }

  private void take(GgufFile file) {
    for (String name : file.tensors().keySet()) {
      GgufFile other = places.put(name, file);
      if (other != null) {
        throw invalid(
            file, "tensor '%s' is in part '%s', too".formatted(name, other.path().getFileName()));
      }
    }
  }

  private static LongformException invalid(GgufFile file, String why) {
    return TensorFile.invalid(file.path(), why);
  }

  public GgufMetadata metadata() {
    return metadata;
  }

  /** The tensors as the headers tell them. */
  List<GgufTensor> tensors() {
    return files.stream().flatMap(file -> file.tensors().values().stream()).toList();
  }

  /** How many files hold them. */
  int files() {
    return files.size();
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
    GgufFile file = places.get(name);
    if (file == null) {
      throw TensorFile.invalid(
          path,
          "tensor '%s' %s is missing (%d others are there)"
              .formatted(name, expected, places.size()));
    }
    return file.tensor(name, expected);
  }

  @Override
  public long bytes() {
    return tensors().stream().mapToLong(GgufTensor::bytes).sum();
  }

  @Override
  public synchronized void close() {
    places.clear();
    files.forEach(GgufFile::close);
    files.clear();
  }
}
