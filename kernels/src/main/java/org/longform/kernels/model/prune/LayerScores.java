package org.longform.kernels.model.prune;

import java.util.List;
import java.util.SplittableRandom;
import org.longform.kernels.model.LayerShape;
import org.longform.kernels.model.gradient.LayerParameters;

/**
 * How important the units of one layer are.
 *
 * @param kvHeads of each key/value head together with the query heads that share it
 * @param channels of each feed-forward channel
 */
record LayerScores(double[] kvHeads, double[] channels) {

  /**
   * The groups of section 3.1: a key/value head's rows of Wk and Wv, the rows of Wq of its G query
   * heads and their columns of Wo; a channel's rows of Wgate and Wup and its column of Wdown.
   *
   * <p>With grouped queries the importances of dimension d of the heads that share a key head are
   * added to one number first, so that all four members have D numbers.
   */
  static LayerScores of(
      LayerParameters parameters, LayerShape shape, int headDim, PruneOptions options, int layer) {
    if (options.importance() == Importance.RANDOM) {
      SplittableRandom random = new SplittableRandom(options.seed() * 31 + layer);
      return new LayerScores(
          heads(random.doubles((long) shape.kvHeads() * headDim).toArray(), headDim),
          random.doubles(shape.intermediate()).toArray());
    }
    Lines lines = new Lines(options.importance());
    int sharers = shape.heads() / shape.kvHeads();
    double[] dimensions =
        options
            .aggregate()
            .ofEach(
                List.of(
                    shared(lines.rows(parameters.query().matrix()), sharers, headDim),
                    lines.rows(parameters.key().matrix()),
                    lines.rows(parameters.value().matrix()),
                    shared(lines.columns(parameters.output().matrix()), sharers, headDim)));
    double[] channels =
        options
            .aggregate()
            .ofEach(
                List.of(
                    lines.rows(parameters.gate().matrix()),
                    lines.rows(parameters.up().matrix()),
                    lines.columns(parameters.down().matrix())));
    return new LayerScores(heads(dimensions, headDim), channels);
  }

  /** (G*sharers*D) to (G*D): head h belongs to key head h / sharers. */
  private static double[] shared(double[] lines, int sharers, int headDim) {
    double[] sums = new double[lines.length / sharers];
    for (int i = 0; i < lines.length; i++) {
      int kvHead = i / headDim / sharers;
      sums[kvHead * headDim + i % headDim] += lines[i];
    }
    return sums;
  }

  private static double[] heads(double[] dimensions, int headDim) {
    double[] heads = new double[dimensions.length / headDim];
    for (int i = 0; i < dimensions.length; i++) {
      heads[i / headDim] += dimensions[i];
    }
    return heads;
  }
}
