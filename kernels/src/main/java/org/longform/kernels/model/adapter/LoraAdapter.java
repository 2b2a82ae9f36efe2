package org.longform.kernels.model.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.MatrixRows;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.model.WeightShapes;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.GgufWeights;
import org.longform.kernels.weights.SafetensorsWeights;
import org.longform.kernels.weights.WeightSource;

/**
 * Merges a LoRA adapter (Hu et al., 2021) into the model it was trained for: {@code W + scale * B
 * A}, with A (r, N) and B (O, r); modules that it saved whole replace the model's. Where files have
 * several weights in one matrix, as Phi 3 has queries, keys and values, it may be for that matrix.
 * The adapter is a directory as Hugging Face's PEFT saves it, with {@code adapter_config.json} and
 * {@code adapter_model.safetensors}; it is not believed: every tensor must belong to a weight of
 * the model and fit it, and none may be missing.
 */
public final class LoraAdapter {
  /** The file that a directory with an adapter has. */
  public static final String CONFIG = AdapterConfig.FILE;

  static final String PREFIX = "base_model.model.";
  static final String A = ".lora_A.weight";
  static final String B = ".lora_B.weight";

  private static final String FILE = "adapter_model.safetensors";
  private static final String WEIGHT = ".weight";
  private static final List<String> SAVED_ENDINGS = List.of(WEIGHT, ".bias");
  // what PEFT puts between a saved module and its tensors in some of its files
  private static final List<String> SAVED_MARKS =
      List.of(".modules_to_save.default", ".modules_to_save");

  private final Path directory;
  private final AdapterConfig config;
  private final SafetensorsWeights tensors;
  private final StoredModel model;
  // what the model reads; its files may have more
  private final Map<String, Shape> weights;
  // what is stored in one matrix with others, and may be adapted with them
  private final Map<String, List<Map.Entry<String, MatrixRows>>> fused;
  // modules of the adapter that have a factor
  private final Set<String> modules = new TreeSet<>();
  // what is added to each weight, without its ending
  private final TreeMap<String, MergedWeights.Change> changed = new TreeMap<>();
  // the tensor that replaces a weight, by the weight's name
  private final TreeMap<String, String> replaced = new TreeMap<>();

  private LoraAdapter(
      Path directory, AdapterConfig config, SafetensorsWeights tensors, StoredModel model) {
    this.directory = directory;
    this.config = config;
    this.tensors = tensors;
    this.model = model;
    this.weights = WeightShapes.of(model.spec());
    this.fused =
        MatrixRows.ofFused(model.spec()).entrySet().stream()
            .collect(Collectors.groupingBy(entry -> entry.getValue().stored()));
  }

  /**
   * What an adapter calls the model it was trained for; empty if it does not say.
   *
   * @throws LongformException INVALID_MODEL if its config cannot be read
   */
  public static Optional<String> baseOf(Path directory) {
    return AdapterConfig.baseOf(directory).map(LoraAdapter::shortened);
  }

  /**
   * The model with the adapter in its weights, which are float32 where it changed them. It takes
   * the place of the given one: closing it closes that, too.
   *
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL saying what does not fit
   */
  public static StoredModel merge(StoredModel model, Path directory) {
    return merge(model, directory, MergedWeights.Precision.FLOAT32);
  }

  /**
   * As {@link #merge(StoredModel, Path)}, to be kept in memory: what was narrower than float32 in
   * the model becomes float16, unless that is not as good.
   */
  public static StoredModel mergeToRead(StoredModel model, Path directory) {
    return merge(model, directory, MergedWeights.Precision.NARROW);
  }

  private static StoredModel merge(
      StoredModel model, Path directory, MergedWeights.Precision precision) {
    if (model.weights().origin() instanceof GgufWeights) {
      throw AdapterConfig.refused(
          directory,
          ErrorClass.UNSUPPORTED_MODEL,
          "a .gguf file has the rows of queries and keys in another order than the adapter; convert the model to a directory first, or the merged one to .gguf afterwards");
    }
    AdapterConfig config = AdapterConfig.read(directory);
    SafetensorsWeights tensors = SafetensorsWeights.openFile(directory.resolve(FILE));
    try {
      return new LoraAdapter(directory, config, tensors, model).merged(precision);
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  private StoredModel merged(MergedWeights.Precision precision) {
    for (String name : new TreeSet<>(tensors.names())) {
      take(name);
    }
    if (modules.isEmpty() && replaced.isEmpty()) {
      throw invalid(FILE + " has no tensors");
    }
    config.targets().ifPresent(this::requireTargets);
    requireSaved();
    modules.forEach(this::change);
    WeightSource merged =
        new MergedWeights(
            model.weights(),
            new MergedWeights.Adapter(
                directory, tensors, config, Map.copyOf(changed), Map.copyOf(replaced)),
            precision);
    return new StoredModel(model.config(), model.spec(), merged);
  }

  private void take(String name) {
    String module = moduleOf(name);
    if (module != null && (isMatrix(alone(module)) || fused.containsKey(alone(module)))) {
      modules.add(module);
      return;
    }
    Optional<String> weight = savedWeight(name);
    if (weight.isEmpty()) {
      throw AdapterConfig.refused(
          directory,
          ErrorClass.UNSUPPORTED_MODEL,
          "tensor '%s' belongs to no projection of the model".formatted(shortened(name)));
    }
    requireUntied(weight.get());
    requireShape(name, weights.get(weight.get()));
    if (replaced.put(weight.get(), name) != null) {
      throw invalid("it has two tensors for '%s'".formatted(weight.get()));
    }
  }

  /**
   * A module as the model has it; the adapter may be for a checkpoint that it is the text part of.
   */
  private static String alone(String module) {
    return WeightNames.ofTextPart(module).orElse(module);
  }

  private boolean isMatrix(String module) {
    Shape shape = weights.get(module + WEIGHT);
    return shape != null && shape.rank() == 2 && !module.equals(model.spec().names().embedding());
  }

  private void requireUntied(String weight) {
    if (model.spec().has(Trait.TIED_EMBEDDINGS)
        && weight.equals(model.spec().names().embedding() + WEIGHT)) {
      throw AdapterConfig.refused(
          directory,
          ErrorClass.UNSUPPORTED_MODEL,
          "it replaces '%s', and the model has one matrix for its embedding and its output"
              .formatted(weight));
    }
  }

  private static String moduleOf(String name) {
    for (String end : List.of(A, B)) {
      if (name.startsWith(PREFIX) && name.endsWith(end)) {
        return name.substring(PREFIX.length(), name.length() - end.length());
      }
    }
    return null;
  }

  /** The weight that a tensor of a saved module replaces. */
  private Optional<String> savedWeight(String name) {
    if (!name.startsWith(PREFIX)) {
      return Optional.empty();
    }
    for (String end : SAVED_ENDINGS) {
      if (name.endsWith(end)) {
        String module = name.substring(PREFIX.length(), name.length() - end.length());
        for (String mark : SAVED_MARKS) {
          if (module.endsWith(mark)) {
            module = module.substring(0, module.length() - mark.length());
            break;
          }
        }
        String plain = alone(module);
        boolean saved = config.saved().stream().anyMatch(each -> isNamed(plain, each));
        return Optional.of(plain + end).filter(each -> saved && weights.containsKey(each));
      }
    }
    return Optional.empty();
  }

  /** Whether a name is a module's, or the end of it, as PEFT reads such lists. */
  private static boolean isNamed(String module, String name) {
    return module.equals(name) || module.endsWith("." + name);
  }

  /** Tensors and {@code modules_to_save} must tell the same. */
  private void requireSaved() {
    for (String name : config.saved()) {
      boolean found =
          replaced.keySet().stream()
              .map(weight -> weight.substring(0, weight.lastIndexOf('.')))
              .anyMatch(module -> isNamed(module, name));
      if (!found) {
        throw invalid("saved module '%s' has no tensors for this model".formatted(shortened(name)));
      }
    }
  }

  /** Tensors and {@code target_modules} must tell the same. */
  private void requireTargets(List<String> targets) {
    List<String> unused = new ArrayList<>(new LinkedHashSet<>(targets));
    for (String module : modules) {
      List<String> found = targets.stream().filter(each -> isNamed(module, each)).toList();
      if (found.isEmpty()) {
        throw invalid(
            "it has tensors of '%s', which is none of its target_modules".formatted(module));
      }
      unused.removeAll(found);
    }
    if (!unused.isEmpty()) {
      throw invalid(
          "target module '%s' has no tensors for this model".formatted(shortened(unused.get(0))));
    }
  }

  /** Takes what a module adds to the weight that it is for, or to each of those that it is. */
  private void change(String module) {
    String name = alone(module);
    Shape whole = weights.get(name + WEIGHT);
    if (whole != null) {
      requireFits(module, whole.axis(0), whole.axis(1));
      change(name, module, MatrixRows.all(name, whole.axis(0)));
      return;
    }
    for (Map.Entry<String, MatrixRows> part : fused.get(name)) {
      requireFits(module, part.getValue().whole(), weights.get(part.getKey() + WEIGHT).axis(1));
      change(part.getKey(), module, part.getValue());
    }
  }

  private void change(String weight, String module, MatrixRows rows) {
    MergedWeights.Change other = changed.put(weight, new MergedWeights.Change(module, rows));
    if (other != null) {
      throw invalid(
          "modules '%s' and '%s' change the same weights".formatted(other.module(), module));
    }
  }

  private void requireFits(String module, long rows, long columns) {
    int rank = config.rankOf(module);
    requireShape(PREFIX + module + A, Shape.of(rank, columns));
    requireShape(PREFIX + module + B, Shape.of(rows, rank));
  }

  private void requireShape(String name, Shape expected) {
    Optional<Shape> found = tensors.shape(name);
    if (found.isEmpty()) {
      throw invalid("tensor '%s' is missing".formatted(name));
    }
    if (!found.get().equals(expected)) {
      throw invalid("tensor '%s' has shape %s, expected %s".formatted(name, found.get(), expected));
    }
  }

  private LongformException invalid(String why) {
    return AdapterConfig.refused(directory, ErrorClass.INVALID_MODEL, why);
  }

  private static String shortened(String text) {
    return text.length() <= 120 ? text : text.substring(0, 120) + "…";
  }
}
