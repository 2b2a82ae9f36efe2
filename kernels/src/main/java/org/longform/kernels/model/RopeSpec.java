package org.longform.kernels.model;

import java.util.Optional;
import org.longform.kernels.attention.FrequencyFlow;
import org.longform.kernels.attention.PositionEncoding.Rope;

/**
 * Rotary positions of a model.
 *
 * @param theta base of the frequencies
 * @param rotaryDims dimensions of a head that are rotated, even; the others pass through
 * @param scaling how the frequencies were changed for longer texts
 * @param layout which two dimensions make a pair
 */
public record RopeSpec(double theta, int rotaryDims, RopeScaling scaling, Rope.Layout layout)
    implements PositionSpec {
  /** Nothing is rotated: order alone tells where tokens stand (NoPE). */
  public static final RopeSpec NONE =
      new RopeSpec(1, 0, new RopeScaling.None(), Rope.Layout.HALF_SPLIT);

  /**
   * The rotation for a document of {@code length} tokens. All scalings but {@link
   * RopeScaling.Dynamic} and {@link RopeScaling.LongRope} ignore the length.
   */
  @Override
  public Rope encoding(long length) {
    return new Rope(
        scaling.inverseFrequencies(theta, rotaryDims, length), scaling.attentionFactor(), layout);
  }

  /** The same with pairs in other places. */
  RopeSpec laidOut(Rope.Layout other) {
    return new RopeSpec(theta, rotaryDims, scaling, other);
  }

  /** How the frequencies go on beyond the window, if the model learned it. */
  public Optional<FrequencyFlow> flow() {
    return scaling instanceof RopeScaling.Clex clex ? clex.flow() : Optional.empty();
  }

  /** {@code theta^(-2i/dims)} for each pair i, in float64. */
  static double[] plain(double theta, int dims) {
    double[] frequencies = new double[dims / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = Math.pow(theta, -2.0 * i / dims);
    }
    return frequencies;
  }
}
