package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The tensor in which GGUF files hold Llama 3's scaling: for each pair, by what its frequency is
 * divided. The file does not tell the numbers that it was made of; as every published model has the
 * same two borders, the other two follow from the divisors.
 */
final class RopeDivisors {
  static final String TENSOR = "rope_freqs.weight";
  // where there are two lists: for documents within the first training's window, and beyond it
  static final String NEAR = "rope_factors_short.weight";
  static final String FAR = "rope_factors_long.weight";

  private static final double LOW_FREQUENCY = 1;
  private static final double HIGH_FREQUENCY = 4;
  // the tensor is float32
  private static final double ROUNDING = 1e-5;

  private RopeDivisors() {}

  static RopeScaling scaling(float[] divisors) {
    List<Double> all = new ArrayList<>();
    for (float divisor : divisors) {
      all.add((double) divisor);
    }
    return new RopeScaling.Divided(all);
  }

  /** What the tensor holds for a scaling. */
  static float[] of(RopeScaling scaling, double theta, int dims) {
    double[] plain = RopeSpec.plain(theta, dims);
    double[] scaled = scaling.inverseFrequencies(theta, dims, 1);
    float[] divisors = new float[plain.length];
    for (int i = 0; i < divisors.length; i++) {
      divisors[i] = (float) (plain[i] / scaled[i]);
    }
    return divisors;
  }

  /** The scaling of Llama 3 that gives just these divisors. */
  static Optional<RopeScaling.Llama3> llama3(float[] divisors, double theta) {
    double[] plain = RopeSpec.plain(theta, 2 * divisors.length);
    double factor = 1;
    for (float divisor : divisors) {
      factor = Math.max(factor, divisor);
    }
    for (int i = 0; i < divisors.length; i++) {
      if (divisors[i] > 1 + ROUNDING && divisors[i] < factor * (1 - ROUNDING)) {
        // a pair on the ramp tells how often it turns over the window
        double kept = (1 / (double) divisors[i] - 1 / factor) / (1 - 1 / factor);
        double turns = LOW_FREQUENCY + kept * (HIGH_FREQUENCY - LOW_FREQUENCY);
        long window = Math.round(turns * 2 * Math.PI / plain[i]);
        RopeScaling.Llama3 candidate =
            new RopeScaling.Llama3(factor, LOW_FREQUENCY, HIGH_FREQUENCY, window);
        return Optional.of(candidate).filter(each -> gives(each, divisors, theta));
      }
    }
    return Optional.empty();
  }

  private static boolean gives(RopeScaling scaling, float[] divisors, double theta) {
    float[] computed = of(scaling, theta, 2 * divisors.length);
    for (int i = 0; i < divisors.length; i++) {
      if (Math.abs(computed[i] - divisors[i]) > ROUNDING * divisors[i]) {
        return false;
      }
    }
    return true;
  }
}
