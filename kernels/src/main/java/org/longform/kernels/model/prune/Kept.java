package org.longform.kernels.model.prune;

import java.util.List;
import java.util.stream.IntStream;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.LayerShape;

/**
 * What stays of a model: units by their numbers in it, ascending.
 *
 * @param hidden dimensions of the residual stream
 * @param kvHeads for each layer key/value heads, each with the query heads that share it; the
 *     layers without a list, the last ones, go
 * @param channels for each layer feed-forward channels
 */
public record Kept(
    List<Integer> hidden, List<List<Integer>> kvHeads, List<List<Integer>> channels) {

  /** Everything. */
  public static Kept all(DecoderSpec spec) {
    return new Kept(
        upTo(spec.hidden()),
        spec.layerShapes().stream().map(shape -> upTo(shape.kvHeads())).toList(),
        spec.layerShapes().stream().map(shape -> upTo(shape.intermediate())).toList());
  }

  private static List<Integer> upTo(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  Kept withHidden(List<Integer> other) {
    return new Kept(other, kvHeads, channels);
  }

  /** The same without the layers from {@code count} on. */
  Kept firstLayers(int count) {
    return new Kept(hidden, kvHeads.subList(0, count), channels.subList(0, count));
  }

  /** Sizes of the layers that are left. */
  List<LayerShape> shapes(DecoderSpec spec) {
    return IntStream.range(0, kvHeads.size())
        .mapToObj(
            layer -> {
              LayerShape whole = spec.layer(layer);
              int heads = kvHeads.get(layer).size();
              return new LayerShape(
                  whole.heads() / whole.kvHeads() * heads, heads, channels.get(layer).size());
            })
        .toList();
  }
}
