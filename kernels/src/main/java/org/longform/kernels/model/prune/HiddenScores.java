package org.longform.kernels.model.prune;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.gradient.LayerParameters;
import org.longform.kernels.model.gradient.LossGradients;
import org.longform.kernels.model.gradient.OutsideParameters;

/**
 * How important the dimensions of the residual stream are. They are one group through the whole
 * model: a column of the embedding and of the head, an element of each norm, columns of Wq, Wk, Wv,
 * Wgate and Wup, rows of Wo and Wdown of every layer.
 */
final class HiddenScores implements LossGradients.Receiver {
  private final Lines lines;
  private final List<double[]> outside = new ArrayList<>();
  // they come last layer first, or first layer first
  private final TreeMap<Integer, List<double[]>> layers = new TreeMap<>();

  private HiddenScores(Importance importance) {
    this.lines = new Lines(importance);
  }

  static double[] of(StoredModel model, PruneOptions options, List<int[]> samples) {
    DecoderSpec spec = model.spec();
    if (options.importance() == Importance.RANDOM) {
      return new SplittableRandom(options.seed()).doubles(spec.hidden()).toArray();
    }
    HiddenScores scores = new HiddenScores(options.importance());
    if (options.importance().needs() == Importance.Needs.GRADIENTS) {
      LossGradients.compute(model, samples, scores);
    } else {
      scores.outside(OutsideParameters.read(model));
      for (int layer = 0; layer < spec.layers(); layer++) {
        scores.layer(layer, LayerParameters.read(model, layer));
      }
    }
    List<double[]> members = new ArrayList<>(scores.outside);
    scores.layers.values().forEach(members::addAll);
    return options.aggregate().ofEach(members);
  }

  @Override
  public void layer(int layer, LayerParameters parameters) {
    layers.put(
        layer,
        List.of(
            lines.rows(parameters.attentionNorm()),
            lines.columns(parameters.query().matrix()),
            lines.columns(parameters.key().matrix()),
            lines.columns(parameters.value().matrix()),
            lines.rows(parameters.output().matrix()),
            lines.rows(parameters.ffnNorm()),
            lines.columns(parameters.gate().matrix()),
            lines.columns(parameters.up().matrix()),
            lines.rows(parameters.down().matrix())));
  }

  @Override
  public boolean wantsOutside() {
    return true;
  }

  @Override
  public void outside(OutsideParameters parameters) {
    outside.add(lines.columns(parameters.embedding()));
    outside.add(lines.rows(parameters.finalNorm()));
    if (parameters.head() != parameters.embedding()) {
      outside.add(lines.columns(parameters.head()));
    }
  }
}
