package org.longform.kernels.model.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ComputedWeights;
import org.longform.kernels.weights.GgufWeights;
import org.longform.kernels.weights.SafetensorsWeights;
import org.longform.kernels.weights.WeightSource;

/**
 * Merges a LoRA adapter (Hu et al., 2021) into the model it was trained for: {@code W + scale * B
 * A}, with A (r, N) and B (O, r). The adapter is a directory as Hugging Face's PEFT saves it, with
 * {@code adapter_config.json} and {@code adapter_model.safetensors}; it is not believed: every
 * tensor must belong to a projection of the model and fit it, and none may be missing.
 */
public final class LoraAdapter {
  private static final String FILE = "adapter_model.safetensors";
  private static final String PREFIX = "base_model.model.";
  private static final String A = ".lora_A.weight";
  private static final String B = ".lora_B.weight";

  private LoraAdapter() {}

  /**
   * The model with the adapter in its weights. It takes the place of the given one: closing it
   * closes that, too.
   *
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL saying what does not fit
   */
  public static StoredModel merge(StoredModel model, Path directory) {
    if (model.weights().origin() instanceof GgufWeights) {
      throw AdapterConfig.refused(
          directory,
          ErrorClass.UNSUPPORTED_MODEL,
          "a .gguf file has the rows of queries and keys in another order than the adapter; convert the model to a directory first, or the merged one to .gguf afterwards");
    }
    AdapterConfig config = AdapterConfig.read(directory);
    SafetensorsWeights tensors = SafetensorsWeights.openFile(directory.resolve(FILE));
    try {
      Map<String, Shape> modules = modules(model.spec());
      Set<String> changed = changed(directory, config, tensors, modules.keySet());
      for (String module : changed) {
        requireFits(directory, config, tensors, module, modules.get(module));
      }
      return new StoredModel(
          model.config(),
          model.spec(),
          new Merged(model.weights(), tensors, config, Set.copyOf(changed)));
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  /** The matrices an adapter may change, by their names without the ending, and their shapes. */
  private static Map<String, Shape> modules(DecoderSpec spec) {
    Map<String, Shape> modules = new LinkedHashMap<>();
    WeightNames.Attention attention = spec.names().attention();
    WeightNames.FeedForward ffn = spec.names().feedForward();
    int hidden = spec.hidden();
    for (int layer = 0; layer < spec.layers(); layer++) {
      int queries = spec.queryWidth(layer);
      int keys = spec.kvWidth(layer);
      int inner = spec.intermediate(layer);
      modules.put(attention.query().formatted(layer), Shape.of(queries, hidden));
      modules.put(attention.key().formatted(layer), Shape.of(keys, hidden));
      modules.put(attention.value().formatted(layer), Shape.of(keys, hidden));
      modules.put(attention.output().formatted(layer), Shape.of(hidden, queries));
      if (spec.design().experts().isPresent()) {
        continue;
      }
      if (!spec.has(Trait.UNGATED)) {
        modules.put(ffn.gate().formatted(layer), Shape.of(inner, hidden));
      }
      modules.put(ffn.up().formatted(layer), Shape.of(inner, hidden));
      modules.put(ffn.down().formatted(layer), Shape.of(hidden, inner));
    }
    return modules;
  }

  /** The modules that the file has both factors of. */
  private static Set<String> changed(
      Path directory, AdapterConfig config, WeightSource tensors, Set<String> modules) {
    Set<String> changed = new TreeSet<>();
    for (String name : new TreeSet<>(tensors.names())) {
      String module = moduleOf(name);
      if (module == null || !modules.contains(module)) {
        throw AdapterConfig.refused(
            directory,
            ErrorClass.UNSUPPORTED_MODEL,
            "tensor '%s' belongs to no projection of the model".formatted(shortened(name)));
      }
      changed.add(module);
    }
    if (changed.isEmpty()) {
      throw AdapterConfig.refused(directory, ErrorClass.INVALID_MODEL, FILE + " has no tensors");
    }
    config.targets().ifPresent(targets -> requireTargets(directory, targets, changed));
    return changed;
  }

  private static String moduleOf(String name) {
    for (String end : List.of(A, B)) {
      if (name.startsWith(PREFIX) && name.endsWith(end)) {
        return name.substring(PREFIX.length(), name.length() - end.length());
      }
    }
    return null;
  }

  /** Tensors and {@code target_modules} must tell the same. */
  private static void requireTargets(Path directory, List<String> targets, Set<String> changed) {
    List<String> unused = new ArrayList<>(targets);
    for (String module : changed) {
      Optional<String> target =
          targets.stream()
              .filter(each -> module.equals(each) || module.endsWith("." + each))
              .findFirst();
      if (target.isEmpty()) {
        throw AdapterConfig.refused(
            directory,
            ErrorClass.INVALID_MODEL,
            "it has tensors of '%s', which is none of its target_modules".formatted(module));
      }
      unused.remove(target.get());
    }
    if (!unused.isEmpty()) {
      throw AdapterConfig.refused(
          directory,
          ErrorClass.INVALID_MODEL,
          "target module '%s' has no tensors for this model".formatted(shortened(unused.get(0))));
    }
  }

  private static void requireFits(
      Path directory, AdapterConfig config, WeightSource tensors, String module, Shape matrix) {
    requireShape(directory, tensors, module + A, Shape.of(config.rank(), matrix.axis(1)));
    requireShape(directory, tensors, module + B, Shape.of(matrix.axis(0), config.rank()));
  }

  private static void requireShape(
      Path directory, WeightSource tensors, String name, Shape expected) {
    Optional<Shape> found = tensors.shape(PREFIX + name);
    if (found.isEmpty()) {
      throw AdapterConfig.refused(
          directory, ErrorClass.INVALID_MODEL, "tensor '%s' is missing".formatted(PREFIX + name));
    }
    if (!found.get().equals(expected)) {
      throw AdapterConfig.refused(
          directory,
          ErrorClass.INVALID_MODEL,
          "tensor '%s' has shape %s, expected %s".formatted(PREFIX + name, found.get(), expected));
    }
  }

  private static String shortened(String text) {
    return text.length() <= 120 ? text : text.substring(0, 120) + "…";
  }

  /** The weights with the adapter added. */
  private static final class Merged extends ComputedWeights {
    private final SafetensorsWeights adapter;
    private final AdapterConfig config;
    private final Set<String> modules;

    Merged(
        WeightSource source,
        SafetensorsWeights adapter,
        AdapterConfig config,
        Set<String> modules) {
      super(source);
      this.adapter = adapter;
      this.config = config;
      this.modules = modules;
    }

    private static String module(String name) {
      return name.endsWith(".weight")
          ? name.substring(0, name.length() - ".weight".length())
          : name;
    }

    @Override
    protected boolean changes(String name) {
      return name.endsWith(".weight") && modules.contains(module(name));
    }

    @Override
    protected Shape changedShape(String name, Shape stored) {
      return stored;
    }

    @Override
    protected void change(String name, Tensor stored, Tensor target) {
      int rows = Math.toIntExact(stored.shape().axis(0));
      int columns = Math.toIntExact(stored.shape().axis(1));
      int rank = config.rank();
      String module = PREFIX + module(name);
      float[] a = adapter.tensor(module + A, Shape.of(rank, columns)).toArray();
      float[] b = adapter.tensor(module + B, Shape.of(rows, rank)).toArray();
      float[] row = new float[columns];
      for (int o = 0; o < rows; o++) {
        stored.read((long) o * columns, row);
        for (int i = 0; i < columns; i++) {
          double sum = 0;
          for (int k = 0; k < rank; k++) {
            sum += (double) b[o * rank + k] * a[k * columns + i];
          }
          row[i] = (float) (row[i] + config.scale() * sum);
        }
        target.write((long) o * columns, row);
      }
    }

    @Override
    protected void closeOthers() {
      adapter.close();
    }
  }
}
