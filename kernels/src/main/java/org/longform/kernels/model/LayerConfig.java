package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.longform.kernels.error.ErrorClass;

/**
 * Reads the sizes of the layers: {@code num_attention_heads}, {@code num_key_value_heads} and
 * {@code intermediate_size} are each one number, or a list with a number for each layer. The lists
 * are what a pruned model has; GGUF files have them under their own names.
 */
public final class LayerConfig {
  private static final String LAYERS = "num_hidden_layers";
  private static final String HEADS = "num_attention_heads";
  private static final String KV_HEADS = "num_key_value_heads";
  private static final String INTERMEDIATE = "intermediate_size";
  // nothing is made for each layer before its weights were found, but lists are
  private static final int MOST_LAYERS = 1 << 16;

  private final ModelConfig config;
  private final int headDim;
  private final List<LayerShape> shapes;

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL naming the key and its value
   */
  public LayerConfig(ModelConfig config) {
    this.config = config;
    int layers = config.count(LAYERS);
    if (layers > MOST_LAYERS) {
      throw config.invalid(LAYERS, "at most %d layers".formatted(MOST_LAYERS));
    }
    List<Integer> heads = config.counts(HEADS, layers);
    List<Integer> kvHeads = config.has(KV_HEADS) ? config.counts(KV_HEADS, layers) : heads;
    List<Integer> intermediate = config.counts(INTERMEDIATE, layers);
    this.headDim = headDim(config, heads);
    this.shapes = shapes(heads, kvHeads, intermediate);
    if (config.has(KeptUnits.KEY)) {
      // a list that does not fit the sizes would mislead whoever trusts it later
      KeptUnits.read(config, config.count("hidden_size"), shapes);
    }
  }

  /** Dimensions of a head, an even number. */
  public int headDim() {
    return headDim;
  }

  /** One for each layer; unmodifiable. */
  public List<LayerShape> shapes() {
    return shapes;
  }

  private static int headDim(ModelConfig config, List<Integer> heads) {
    int most = Collections.max(heads);
    if (!config.has("head_dim") && Collections.min(heads) != most) {
      throw config.invalid(
          "head_dim", "a number, since the layers have different numbers of heads");
    }
    return config.headDim(config.count("hidden_size"), most);
  }

  private List<LayerShape> shapes(
      List<Integer> heads, List<Integer> kvHeads, List<Integer> intermediate) {
    int layers = heads.size();
    List<LayerShape> all = new ArrayList<>(layers);
    for (int layer = 0; layer < layers; layer++) {
      LayerShape shape =
          new LayerShape(heads.get(layer), kvHeads.get(layer), intermediate.get(layer));
      requireDivides(layer, shape);
      all.add(layer > 0 && shape.equals(all.get(layer - 1)) ? all.get(layer - 1) : shape);
    }
    return Collections.unmodifiableList(all);
  }

  private void requireDivides(int layer, LayerShape shape) {
    if (!config.isList(HEADS) && !config.isList(KV_HEADS)) {
      config.requireDivides(KV_HEADS, shape.kvHeads(), HEADS, shape.heads());
    } else if (shape.heads() % shape.kvHeads() != 0) {
      throw config.failed(
          ErrorClass.INVALID_MODEL,
          "has %d query heads in layer %d, which %d key/value heads cannot share"
              .formatted(shape.heads(), layer, shape.kvHeads()));
    }
  }
}
