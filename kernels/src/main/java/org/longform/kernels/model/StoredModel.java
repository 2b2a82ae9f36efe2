package org.longform.kernels.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.GgufWeights;
import org.longform.kernels.weights.SafetensorsWeights;
import org.longform.kernels.weights.TensorList;
import org.longform.kernels.weights.WeightSource;
import org.longform.kernels.weights.checkpoint.CheckpointFormats;

/**
 * A model on disk, on no device yet: a Hugging Face directory or a GGUF file. Of one that sees,
 * too, it is the text part.
 *
 * @param config what it says about itself, in the words of {@code config.json}; how its files store
 *     weights is left out, since {@code weights} gives plain ones
 * @param spec how its weights are named and laid out there
 */
public record StoredModel(ModelConfig config, DecoderSpec spec, WeightSource weights)
    implements AutoCloseable {

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL or UNSUPPORTED_MODEL saying
   *     what is wrong
   */
  public static StoredModel open(Path path) {
    return GgufWeights.isGguf(path) ? openGguf(path) : openDirectory(path);
  }

  private static StoredModel openDirectory(Path path) {
    ModelConfig whole = ModelConfig.read(path);
    Optional<TextPart> part = TextPart.of(whole);
    ModelConfig stored = part.map(TextPart::config).orElse(whole);
    ModelConfig config = plain(stored);
    DecoderSpec spec = ModelFamilies.of(config).spec(config);
    SafetensorsWeights files = SafetensorsWeights.open(path);
    try {
      WeightSource decoded = CheckpointFormats.decoded(path, stored.values(), files);
      WeightSource weights =
          FusedWeights.over(part.map(each -> each.weights(decoded)).orElse(decoded), spec);
      return new StoredModel(config, FlowWeights.completed(config, spec, weights), weights);
    } catch (Throwable e) {
      files.close();
      throw e;
    }
  }

  /** The config of the same model with plain weights, as the files are read here. */
  private static ModelConfig plain(ModelConfig config) {
    CheckpointFormats.check(config.place(), config.values());
    Map<String, Object> plain = new HashMap<>();
    CheckpointFormats.KEYS.stream().filter(config::has).forEach(key -> plain.put(key, null));
    return plain.isEmpty() ? config : config.with(plain);
  }

  private static StoredModel openGguf(Path path) {
    GgufWeights weights = GgufWeights.open(path);
    try {
      GgufConfig config = GgufConfig.read(path, weights);
      return new StoredModel(config.config(), config.spec(), config.weights());
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  /** What a model is; of its weights only those are read that decide how positions act. */
  public static DecoderSpec spec(Path path) {
    if (!GgufWeights.isGguf(path)) {
      ModelConfig whole = ModelConfig.read(path);
      ModelConfig config = plain(TextPart.of(whole).map(TextPart::config).orElse(whole));
      DecoderSpec spec = ModelFamilies.of(config).spec(config);
      if (!FlowWeights.areNeeded(spec)) {
        return spec;
      }
    }
    try (StoredModel model = open(path)) {
      return model.spec();
    }
  }

  /**
   * Of the tensors in the files of a model those that are read.
   *
   * @param path where the model is, whose spec could be read
   */
  public static TensorList read(Path path, TensorList files) {
    boolean parts = !GgufWeights.isGguf(path) && TextPart.of(ModelConfig.read(path)).isPresent();
    return parts ? files.only(name -> WeightNames.ofTextPart(name).isPresent()) : files;
  }

  /**
   * What of the weights is not as the model's config says, as parts of a sentence; their numbers
   * are not read.
   *
   * @param most of them to tell
   */
  public List<String> problems(int most) {
    List<String> problems = new ArrayList<>();
    WeightShapes.of(spec)
        .forEach(
            (name, expected) -> {
              Optional<Shape> found = weights.shape(name);
              if (found.isEmpty()) {
                problems.add("tensor '%s' %s is missing".formatted(name, expected));
              } else if (!found.get().equals(expected)) {
                problems.add(
                    "tensor '%s' has shape %s, expected %s".formatted(name, found.get(), expected));
              }
            });
    if (problems.size() > most) {
      int others = problems.size() - most;
      problems.subList(most, problems.size()).clear();
      problems.add("%d other tensors are missing or have another shape".formatted(others));
    }
    return problems;
  }

  /** Type of the numbers that the matrices of the layers are stored in. */
  public DType matrixType() {
    String name = WeightNames.ofLayer(spec.names().attention().query(), 0) + ".weight";
    try (Tensor tensor = weights.tensor(name, Shape.of(spec.queryWidth(0), spec.hidden()))) {
      return tensor.dtype();
    }
  }

  @Override
  public void close() {
    weights.close();
  }
}
