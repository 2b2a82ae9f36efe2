package org.longform.kernels.model;

import java.util.List;
import java.util.Optional;
import org.longform.kernels.attention.FrequencyFlow;

/**
 * Changes of the rotary frequencies for texts longer than the first training saw, each as Hugging
 * Face's {@code modeling_rope_utils} computes it, in float64.
 */
public sealed interface RopeScaling {
  /** Radians per position of each pair, for a document of {@code length} tokens. */
  double[] inverseFrequencies(double theta, int dims, long length);

  /** Factor on cos and sin. */
  default double attentionFactor() {
    return 1;
  }

  /** {@code default}: the frequencies as they are. */
  record None() implements RopeScaling {
    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      return RopeSpec.plain(theta, dims);
    }
  }

  /** {@code linear}: all positions divided by a factor. */
  record Linear(double factor) implements RopeScaling {
    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      double[] frequencies = RopeSpec.plain(theta, dims);
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] /= factor;
      }
      return frequencies;
    }
  }

  /**
   * {@code dynamic}: beyond the window the base grows with the length of the document (NTK-aware).
   *
   * <p>Because keys are cached before rotation, a longer document rotates all its keys anew with
   * one base, that of its length after the block being read. Hugging Face leaves the cached keys at
   * the base of the moment when they were read; reading everything as one block gives the same
   * numbers in both. Inside the window nothing changes; beyond it a block's length matters.
   *
   * @param window tokens up to which the base stays
   */
  record Dynamic(double factor, long window) implements RopeScaling {
    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      double tokens = Math.max(length, window);
      double growth = factor * tokens / window - (factor - 1);
      return RopeSpec.plain(theta * Math.pow(growth, dims / (dims - 2.0)), dims);
    }
  }

  /**
   * {@code llama3}: long wavelengths divided by a factor, short ones kept, a ramp between.
   *
   * @param lowFrequency wavelengths above {@code window / lowFrequency} are divided
   * @param highFrequency wavelengths below {@code window / highFrequency} are kept
   * @param window tokens of the training before the scaling
   */
  record Llama3(double factor, double lowFrequency, double highFrequency, long window)
      implements RopeScaling {
    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      double[] frequencies = RopeSpec.plain(theta, dims);
      for (int i = 0; i < frequencies.length; i++) {
        double wavelength = 2 * Math.PI / frequencies[i];
        if (wavelength > window / lowFrequency) {
          frequencies[i] /= factor;
        } else if (wavelength >= window / highFrequency) {
          double kept = (window / wavelength - lowFrequency) / (highFrequency - lowFrequency);
          frequencies[i] = (1 - kept) * frequencies[i] / factor + kept * frequencies[i];
        }
      }
      return frequencies;
    }
  }

  /**
   * The frequency of each pair divided by a number of its own, as GGUF files hold scalings that
   * they have no word for.
   */
  record Divided(List<Double> divisors) implements RopeScaling {
    public Divided {
      divisors = List.copyOf(divisors);
    }

    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      double[] frequencies = RopeSpec.plain(theta, dims);
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] /= divisors.get(i);
      }
      return frequencies;
    }
  }

  /**
   * {@code longrope} (Ding et al. 2024): every pair divided by a number of its own, with one list
   * of numbers for documents that fit the first training's window and another for longer ones. As
   * keys are cached before rotation, a document that outgrows the window turns all its keys anew;
   * Hugging Face leaves those that it has cached, so that only reading everything as one block
   * gives the same there.
   *
   * @param near divisors up to the window
   * @param far divisors beyond it
   * @param window tokens of the training before the scaling
   * @param attentionFactor factor on cos and sin, for all lengths
   */
  record LongRope(List<Double> near, List<Double> far, long window, double attentionFactor)
      implements RopeScaling {
    public LongRope {
      near = List.copyOf(near);
      far = List.copyOf(far);
    }

    /** {@code sqrt(1 + ln(factor) / ln(window))}; 1 where nothing is stretched. */
    static double magnitude(double factor, long window) {
      return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(window));
    }

    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      return new Divided(length > window ? far : near).inverseFrequencies(theta, dims, length);
    }
  }

  /**
   * {@code clex}: frequencies that follow an equation of which a part was learned. Within the
   * window they are as they were; how they go on beyond it is known once the weights are there, and
   * used by the context that asks for it.
   *
   * @param equation what config.json tells of it
   * @param flow empty until the weights were read
   */
  record Clex(Equation equation, Optional<FrequencyFlow> flow) implements RopeScaling {

    /**
     * @param most largest factor of the length
     * @param widthFactor columns of the first matrix for each rotated dimension
     * @param activation between the matrices
     * @param stepsOfOne steps from one whole factor to the next
     */
    public record Equation(
        int most, int widthFactor, FrequencyFlow.Activation activation, int stepsOfOne) {}

    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      return RopeSpec.plain(theta, dims);
    }
  }

  /**
   * {@code yarn} (Peng et al. 2023): a ramp over the pairs between interpolated and plain
   * frequencies, and a factor on the attention.
   *
   * @param factor how many times longer
   * @param attentionFactor factor on cos and sin
   * @param ramp between which pairs the change happens
   */
  record Yarn(double factor, double attentionFactor, Ramp ramp) implements RopeScaling {

    /**
     * @param betaFast turns over the window from which a pair is kept
     * @param betaSlow turns over the window up to which a pair is interpolated
     * @param window tokens of the training before the scaling
     * @param borders whether the borders are whole pairs
     */
    public record Ramp(double betaFast, double betaSlow, long window, Borders borders) {}

    /** Where the ramp begins and ends. */
    public enum Borders {
      /** Rounded outwards to whole pairs. */
      WHOLE,
      /** As computed ({@code truncate: false}). */
      EXACT
    }

    @Override
    public double[] inverseFrequencies(double theta, int dims, long length) {
      double low = pairOf(ramp.betaFast, theta, dims);
      double high = pairOf(ramp.betaSlow, theta, dims);
      if (ramp.borders == Borders.WHOLE) {
        low = Math.floor(low);
        high = Math.ceil(high);
      }
      low = Math.max(low, 0);
      high = Math.min(high, dims - 1);
      if (low == high) {
        high += 0.001;
      }
      double[] frequencies = RopeSpec.plain(theta, dims);
      for (int i = 0; i < frequencies.length; i++) {
        double interpolated = Math.min(Math.max((i - low) / (high - low), 0), 1);
        frequencies[i] =
            frequencies[i] / factor * interpolated + frequencies[i] * (1 - interpolated);
      }
      return frequencies;
    }

    /** The pair that turns {@code turns} times over the window, as a fraction. */
    private double pairOf(double turns, double theta, int dims) {
      return dims * Math.log(ramp.window / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }

    /** {@code 0.1 * mscale * ln(factor) + 1}; 1 where nothing is stretched. */
    static double magnitude(double factor, double mscale) {
      return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
    }
  }
}
