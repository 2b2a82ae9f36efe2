package org.longform.kernels.model;

import java.util.Optional;
import org.longform.kernels.attention.FrequencyFlow;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.WeightSource;

/**
 * The two matrices of a model with {@code clex} scaling. The frequencies that its files hold beside
 * them are those of {@code rope_theta}, and not read.
 */
final class FlowWeights {
  static final String UP = "model.clex_layer.proj_func.ode_up_proj";
  static final String DOWN = "model.clex_layer.proj_func.ode_down_proj";

  private FlowWeights() {}

  /** Whether the spec lacks what these weights tell. */
  static boolean areNeeded(DecoderSpec spec) {
    return spec.rope().scaling() instanceof RopeScaling.Clex clex && clex.flow().isEmpty();
  }

  /**
   * The spec with the frequencies that follow from the weights, or as it is if it needs none.
   *
   * @throws LongformException INVALID_MODEL if a matrix is missing, has another shape, or leads to
   *     frequencies that are no finite numbers above 0
   */
  static DecoderSpec completed(ModelConfig config, DecoderSpec spec, WeightSource weights) {
    if (!(spec.rope().scaling() instanceof RopeScaling.Clex clex) || clex.flow().isPresent()) {
      return spec;
    }
    RopeSpec rope = spec.rope();
    FrequencyFlow flow = flow(config, rope, clex.equation(), weights);
    return spec.stored(
        spec.names(),
        new RopeSpec(
            rope.theta(),
            rope.rotaryDims(),
            new RopeScaling.Clex(clex.equation(), Optional.of(flow)),
            rope.layout()),
        spec.traits());
  }

  private static FrequencyFlow flow(
      ModelConfig config, RopeSpec rope, RopeScaling.Clex.Equation equation, WeightSource weights) {
    long pairs = rope.rotaryDims() / 2;
    long width = (long) equation.widthFactor() * rope.rotaryDims();
    FrequencyFlow flow =
        FrequencyFlow.solve(
            RopeSpec.plain(rope.theta(), rope.rotaryDims()),
            new FrequencyFlow.Network(
                weights.tensor(UP, Shape.of(pairs, width)).toArray(),
                weights.tensor(DOWN, Shape.of(width, pairs)).toArray(),
                equation.activation()),
            equation.most(),
            equation.stepsOfOne());
    for (int factor = 1; factor <= flow.most(); factor++) {
      for (double frequency : flow.inverseFrequencies(factor)) {
        if (!(frequency > 0) || Double.isInfinite(frequency)) {
          throw config.failed(
              ErrorClass.INVALID_MODEL,
              "goes with tensors '%s' and '%s', which lead to a frequency of %s at %d times the window, expected finite numbers above 0"
                  .formatted(UP, DOWN, frequency, factor));
        }
      }
    }
    return flow;
  }
}
