package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What pruning left of each layer: which of the original key/value heads (each with the query heads
 * that share it) and which of the original feed-forward channels. It stands in {@code config.json}
 * of a pruned model, so that one can tell where its weights come from; the engine needs the sizes
 * alone.
 *
 * @param original sizes of the layers before the first pruning
 * @param kvHeads for each layer the kept key/value heads, ascending
 * @param channels for each layer the kept feed-forward channels, ascending
 */
public record KeptUnits(
    List<LayerShape> original, List<List<Integer>> kvHeads, List<List<Integer>> channels) {
  /** The section in {@code config.json}. */
  public static final String KEY = "pruning";

  private static final String KV_HEADS = "kept_kv_heads";
  private static final String CHANNELS = "kept_channels";
  private static final String ORIGINAL_HEADS = "num_attention_heads";
  private static final String ORIGINAL_KV_HEADS = "num_key_value_heads";
  private static final String ORIGINAL_CHANNELS = "intermediate_size";

  public KeptUnits {
    original = List.copyOf(original);
    kvHeads = kvHeads.stream().map(List::copyOf).toList();
    channels = channels.stream().map(List::copyOf).toList();
  }

  /** Everything is kept. */
  public static KeptUnits all(List<LayerShape> shapes) {
    return new KeptUnits(
        shapes,
        shapes.stream().map(shape -> upTo(shape.kvHeads())).toList(),
        shapes.stream().map(shape -> upTo(shape.intermediate())).toList());
  }

  private static List<Integer> upTo(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  /**
   * What the config of a model says was kept, everything if it was not pruned.
   *
   * @param shapes sizes of the layers as they are
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if it does not fit the sizes
   */
  public static KeptUnits read(ModelConfig config, List<LayerShape> shapes) {
    ModelConfig section = config.section(KEY).orElse(null);
    if (section == null) {
      return all(shapes);
    }
    int layers = shapes.size();
    List<Integer> heads = section.counts(ORIGINAL_HEADS, layers);
    List<Integer> kvHeads = section.counts(ORIGINAL_KV_HEADS, layers);
    List<Integer> channels = section.counts(ORIGINAL_CHANNELS, layers);
    List<LayerShape> original = new ArrayList<>();
    List<Integer> keptHeads = new ArrayList<>();
    List<Integer> keptChannels = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      original.add(new LayerShape(heads.get(layer), kvHeads.get(layer), channels.get(layer)));
      keptHeads.add(shapes.get(layer).kvHeads());
      keptChannels.add(shapes.get(layer).intermediate());
    }
    return new KeptUnits(
        original,
        section.ascending(KV_HEADS, keptHeads, kvHeads),
        section.ascending(CHANNELS, keptChannels, channels));
  }

  /** What is left of the original after another pruning kept these of the units that are left. */
  public KeptUnits then(List<List<Integer>> nextKvHeads, List<List<Integer>> nextChannels) {
    return new KeptUnits(
        original, picked(kvHeads, nextKvHeads), picked(channels, nextChannels));
  }

  private static List<List<Integer>> picked(
      List<List<Integer>> from, List<List<Integer>> positions) {
    List<List<Integer>> picked = new ArrayList<>();
    for (int layer = 0; layer < from.size(); layer++) {
      picked.add(positions.get(layer).stream().map(from.get(layer)::get).toList());
    }
    return picked;
  }

  /** The section for {@code config.json}. */
  public Map<String, Object> toConfig() {
    Map<String, Object> section = new LinkedHashMap<>();
    section.put(ORIGINAL_HEADS, original.stream().map(LayerShape::heads).toList());
    section.put(ORIGINAL_KV_HEADS, original.stream().map(LayerShape::kvHeads).toList());
    section.put(ORIGINAL_CHANNELS, original.stream().map(LayerShape::intermediate).toList());
    section.put(KV_HEADS, kvHeads);
    section.put(CHANNELS, channels);
    return section;
  }
}
