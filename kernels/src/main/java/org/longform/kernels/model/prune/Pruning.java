package org.longform.kernels.model.prune;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.KeptUnits;
import org.longform.kernels.model.LayerShape;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.gradient.LayerParameters;
import org.longform.kernels.model.gradient.LossGradients;

/**
 * Structured pruning after LLM-Pruner (Ma et al., NeurIPS 2023): whole heads and feed-forward
 * channels go, with every row and column that belongs to them, so that the model becomes smaller
 * and stays an ordinary one with fewer heads in some layers. A unit of attention is a key/value
 * head with the query heads that share it.
 *
 * <p>Of n units {@code n - floor(n * (1 - ratio))} go; heads are counted in dimensions and rounded
 * down to whole ones, as in the published code. Not copied from there: its sum over query heads
 * that share a key head adds up different dimensions, and its mixed importance of heads takes the
 * gradient of another matrix; here both follow the paper. With global ranking heads compete with
 * heads and channels with channels, since the sum of a head and that of one channel are no numbers
 * of one kind.
 */
public final class Pruning {
  private final PruneOptions options;
  private final List<int[]> samples;

  /**
   * @param samples token ids of the calibration texts; may be empty for importances without
   *     gradients
   * @throws LongformException INVALID_OPTION if a number is out of its range
   */
  public Pruning(PruneOptions options, List<int[]> samples) {
    this.options = options;
    this.samples = List.copyOf(samples);
    if (!(options.ratio() >= 0 && options.ratio() < 1)) {
      throw invalid("the ratio must be from 0 on and below 1 (%s)".formatted(options.ratio()));
    }
    if (options.iterations() < 1) {
      throw invalid("there must be at least 1 iteration (%d)".formatted(options.iterations()));
    }
    if (options.importance().needs() == Importance.Needs.GRADIENTS && samples.isEmpty()) {
      throw invalid(
          "importance %s needs texts to compute gradients from"
              .formatted(options.importance().word()));
    }
  }

  private static LongformException invalid(String why) {
    return new LongformException(
        ErrorClass.INVALID_OPTION, "Cannot prune: %s. Change the option.".formatted(why));
  }

  /**
   * The model without its least important units. It takes the place of the given one: closing it
   * closes that, too.
   *
   * @throws LongformException INVALID_OPTION if the layers are not the model's, UNSUPPORTED_MODEL
   *     if they are of another kind than Llama's
   */
  public StoredModel apply(StoredModel model) {
    model.spec().requireLlamaWeights("prune");
    int hidden = model.spec().hidden();
    if (options.mode() == PruneOptions.Mode.CHANNEL) {
      StoredModel narrowed = model;
      for (int step = 1; step <= options.iterations(); step++) {
        narrowed = narrow(narrowed, hidden, options.ratio() * step / options.iterations());
      }
      return narrowed;
    }
    requireLayers("attention", options.attentionLayers(), model.spec());
    requireLayers("feed-forward", options.ffnLayers(), model.spec());
    List<LayerShape> initial = model.spec().layerShapes();
    StoredModel pruned = model;
    for (int step = 1; step <= options.iterations(); step++) {
      pruned = step(pruned, initial, options.ratio() * step / options.iterations());
    }
    return pruned;
  }

  private static void requireLayers(String part, LayerRange range, DecoderSpec spec) {
    boolean none = range.last() < range.first();
    if (range.first() < 0 || (!none && range.last() >= spec.layers())) {
      throw invalid(
          "%s layers %s are not all in the model, which has layers 0 to %d"
              .formatted(part, range, spec.layers() - 1));
    }
  }

  private StoredModel step(StoredModel model, List<LayerShape> initial, double ratio) {
    DecoderSpec spec = model.spec();
    LayerScores[] scores = scores(model);
    Survivors survivors = new Survivors(options.ranking());
    int headDim = spec.headDim();
    List<List<Integer>> kvHeads =
        survivors.choose(
            Arrays.stream(scores).map(LayerScores::kvHeads).toList(),
            removable(
                options.attentionLayers(), initial, spec, LayerShape::kvHeads, headDim, ratio));
    List<List<Integer>> channels =
        survivors.choose(
            Arrays.stream(scores).map(LayerScores::channels).toList(),
            removable(options.ffnLayers(), initial, spec, LayerShape::intermediate, 1, ratio));
    return cut(model, new Kept(Kept.all(spec).hidden(), kvHeads, channels));
  }

  private StoredModel narrow(StoredModel model, int initial, double ratio) {
    double[] scores = HiddenScores.of(model, options, samples);
    int gone = (int) (model.spec().hidden() - Math.floor(initial * (1 - ratio)));
    List<Integer> hidden =
        new Survivors(PruneOptions.Ranking.LOCAL)
            .choose(List.of(scores), new int[] {Math.max(0, gone)})
            .get(0);
    return cut(model, Kept.all(model.spec()).withHidden(hidden));
  }

  /**
   * The model without the layers from {@code count} on (the published layer-wise mode).
   *
   * @throws LongformException INVALID_OPTION if it has not so many
   */
  public static StoredModel firstLayers(StoredModel model, int count) {
    if (count < 1 || count > model.spec().layers()) {
      throw invalid(
          "%d layers cannot be kept of a model that has %d"
              .formatted(count, model.spec().layers()));
    }
    return cut(model, Kept.all(model.spec()).firstLayers(count));
  }

  /** How many units of each layer go in this step; -1 where none may. */
  private static int[] removable(
      LayerRange range,
      List<LayerShape> initial,
      DecoderSpec spec,
      ToIntFunction<LayerShape> units,
      int unitWidth,
      double ratio) {
    int[] removable = new int[spec.layers()];
    for (int layer = 0; layer < removable.length; layer++) {
      long before = (long) units.applyAsInt(initial.get(layer)) * unitWidth;
      long now = (long) units.applyAsInt(spec.layer(layer)) * unitWidth;
      long wanted = now - (long) Math.floor(before * (1 - ratio));
      removable[layer] = range.contains(layer) ? (int) Math.max(0, wanted / unitWidth) : -1;
    }
    return removable;
  }

  private LayerScores[] scores(StoredModel model) {
    DecoderSpec spec = model.spec();
    LayerScores[] scores = new LayerScores[spec.layers()];
    LossGradients.Receiver receiver =
        (layer, parameters) ->
            scores[layer] =
                LayerScores.of(parameters, spec.layer(layer), spec.headDim(), options, layer);
    if (options.importance().needs() == Importance.Needs.GRADIENTS) {
      LossGradients.compute(model, samples, receiver);
    } else {
      for (int layer = 0; layer < scores.length; layer++) {
        receiver.layer(layer, LayerParameters.read(model, layer));
      }
    }
    return scores;
  }

  /** The model with these units alone, whatever their importance. */
  public static StoredModel cut(StoredModel model, Kept kept) {
    DecoderSpec spec = model.spec();
    List<LayerShape> shapes = kept.shapes(spec);
    KeptUnits left =
        KeptUnits.read(model.config(), spec.hidden(), spec.layerShapes())
            .then(kept.hidden(), kept.kvHeads(), kept.channels());
    Map<String, Object> changes = new LinkedHashMap<>();
    changes.put("hidden_size", kept.hidden().size());
    changes.put("num_hidden_layers", shapes.size());
    changes.put("num_attention_heads", perLayer(shapes, LayerShape::heads));
    changes.put("num_key_value_heads", perLayer(shapes, LayerShape::kvHeads));
    changes.put("intermediate_size", perLayer(shapes, LayerShape::intermediate));
    changes.put("head_dim", spec.headDim());
    changes.put(KeptUnits.KEY, left.toConfig());
    return new StoredModel(
        model.config().with(changes),
        spec.shaped(kept.hidden().size(), shapes),
        new PrunedWeights(model.weights(), spec, kept));
  }

  /** One number if all layers have it, so that other programs read what they can. */
  private static Object perLayer(List<LayerShape> shapes, ToIntFunction<LayerShape> size) {
    List<Integer> sizes = shapes.stream().map(size::applyAsInt).toList();
    return sizes.stream().distinct().count() == 1 ? sizes.get(0) : sizes;
  }
}
