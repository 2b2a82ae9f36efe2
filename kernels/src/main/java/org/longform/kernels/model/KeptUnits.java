package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What pruning left: of each layer which of the original key/value heads (each with the query heads
 * that share it) and which of the original feed-forward channels, and which of the original hidden
 * dimensions. It stands in {@code config.json} of a pruned model, so that one can tell where its
 * weights come from; the engine needs the sizes alone.
 *
 * @param originalHidden hidden dimensions before the first pruning
 * @param originalLayers sizes of the layers before the first pruning
 * @param hidden the kept hidden dimensions, ascending
 * @param kvHeads for each layer the kept key/value heads, ascending
 * @param channels for each layer the kept feed-forward channels, ascending
 */
public record KeptUnits(
    int originalHidden,
    List<LayerShape> originalLayers,
    List<Integer> hidden,
    List<List<Integer>> kvHeads,
    List<List<Integer>> channels) {
  /** The section in {@code config.json}. */
  public static final String KEY = "pruning";

  private static final String HIDDEN = "kept_hidden";
  private static final String KV_HEADS = "kept_kv_heads";
  private static final String CHANNELS = "kept_channels";
  private static final String ORIGINAL_HIDDEN = "hidden_size";
  private static final String ORIGINAL_HEADS = "num_attention_heads";
  private static final String ORIGINAL_KV_HEADS = "num_key_value_heads";
  private static final String ORIGINAL_CHANNELS = "intermediate_size";

  public KeptUnits {
    originalLayers = List.copyOf(originalLayers);
    hidden = List.copyOf(hidden);
    kvHeads = kvHeads.stream().map(List::copyOf).toList();
    channels = channels.stream().map(List::copyOf).toList();
  }

  /** Everything of a model is kept. */
  public static KeptUnits all(int hidden, List<LayerShape> layers) {
    return new KeptUnits(
        hidden,
        layers,
        upTo(hidden),
        layers.stream().map(shape -> upTo(shape.kvHeads())).toList(),
        layers.stream().map(shape -> upTo(shape.intermediate())).toList());
  }

  private static List<Integer> upTo(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  /**
   * What the config of a model says was kept, everything if it was not pruned.
   *
   * @param hiddenNow hidden dimensions of the model as it is
   * @param layers sizes of its layers as they are
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if it does not fit the sizes
   */
  public static KeptUnits read(ModelConfig config, int hiddenNow, List<LayerShape> layers) {
    ModelConfig section = config.section(KEY).orElse(null);
    if (section == null) {
      return all(hiddenNow, layers);
    }
    int hidden = section.count(ORIGINAL_HIDDEN);
    List<Integer> heads = section.counts(ORIGINAL_HEADS, layers.size());
    List<Integer> kvHeads = section.counts(ORIGINAL_KV_HEADS, layers.size());
    List<Integer> channels = section.counts(ORIGINAL_CHANNELS, layers.size());
    List<LayerShape> original = new ArrayList<>();
    for (int layer = 0; layer < layers.size(); layer++) {
      original.add(new LayerShape(heads.get(layer), kvHeads.get(layer), channels.get(layer)));
    }
    return new KeptUnits(
        hidden,
        original,
        section.ascending(HIDDEN, hiddenNow, hidden),
        section.ascending(KV_HEADS, layers.stream().map(LayerShape::kvHeads).toList(), kvHeads),
        section.ascending(
            CHANNELS, layers.stream().map(LayerShape::intermediate).toList(), channels));
  }

  /**
   * What is left of the original after another pruning kept these of the units that are left, and
   * the first layers that there are lists of.
   */
  public KeptUnits then(
      List<Integer> nextHidden, List<List<Integer>> nextKvHeads, List<List<Integer>> nextChannels) {
    return new KeptUnits(
        originalHidden,
        originalLayers.subList(0, nextKvHeads.size()),
        picked(hidden, nextHidden),
        pickedOfEach(kvHeads, nextKvHeads),
        pickedOfEach(channels, nextChannels));
  }

  private static List<Integer> picked(List<Integer> from, List<Integer> positions) {
    return positions.stream().map(from::get).toList();
  }

  private static List<List<Integer>> pickedOfEach(
      List<List<Integer>> from, List<List<Integer>> positions) {
    return IntStream.range(0, positions.size())
        .mapToObj(layer -> picked(from.get(layer), positions.get(layer)))
        .toList();
  }

  /** The section for {@code config.json}. */
  public Map<String, Object> toConfig() {
    Map<String, Object> section = new LinkedHashMap<>();
    section.put(ORIGINAL_HIDDEN, originalHidden);
    section.put(ORIGINAL_HEADS, originalLayers.stream().map(LayerShape::heads).toList());
    section.put(ORIGINAL_KV_HEADS, originalLayers.stream().map(LayerShape::kvHeads).toList());
    section.put(ORIGINAL_CHANNELS, originalLayers.stream().map(LayerShape::intermediate).toList());
    section.put(HIDDEN, hidden);
    section.put(KV_HEADS, kvHeads);
    section.put(CHANNELS, channels);
    return section;
  }
}
