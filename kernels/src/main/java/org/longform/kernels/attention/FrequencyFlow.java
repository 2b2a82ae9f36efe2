package org.longform.kernels.attention;

import java.util.function.IntToDoubleFunction;

/**
 * Rotary frequencies as a function of how many times its trained window a document is long, as a
 * model learned it (Chen et al. 2024, CLEX: Continuous Length Extrapolation for Large Language
 * Models, arXiv 2310.16450). The logarithms of the frequencies follow a differential equation from
 * factor 1, where they are the model's own.
 *
 * <p>In float64, solved once: what is kept is a row of frequencies for each whole factor.
 */
public final class FrequencyFlow {
  /**
   * The base in the part of the equation that is not learned. The published program has it whatever
   * the model's own base is, so weights were trained with it.
   */
  private static final double BASE = 10000;

  private final double[][] frequencies;

  private FrequencyFlow(double[][] frequencies) {
    this.frequencies = frequencies;
  }

  /** Between the two learned matrices. */
  public enum Activation {
    TANH,
    SILU;

    double of(double x) {
      return this == TANH ? Math.tanh(x) : x / (1 + Math.exp(-x));
    }
  }

  /**
   * The learned part: {@code act((z + ln ntk(t)) U) Dn}.
   *
   * @param up (pairs, width), U
   * @param down (width, pairs), Dn
   */
  public record Network(float[] up, float[] down, Activation activation) {
    public Network {
      up = up.clone();
      down = down.clone();
    }
  }

  /**
   * Solves the equation with the 3/8 rule of Runge and Kutta, as torchdiffeq's rk4 does.
   *
   * @param plain radians per position of each pair at factor 1, at least two pairs
   * @param most largest factor
   * @param stepsOfOne steps from one whole factor to the next
   */
  public static FrequencyFlow solve(double[] plain, Network network, int most, int stepsOfOne) {
    Equation equation = new Equation(network, plain.length);
    double[][] frequencies = new double[most][];
    frequencies[0] = plain.clone();
    double[] z = new double[plain.length];
    for (int i = 0; i < z.length; i++) {
      z[i] = Math.log(plain[i]);
    }
    double step = 1.0 / stepsOfOne;
    for (int factor = 1; factor < most; factor++) {
      for (int i = 0; i < stepsOfOne; i++) {
        equation.step(factor + i * step, step, z);
      }
      frequencies[factor] = new double[z.length];
      for (int i = 0; i < z.length; i++) {
        frequencies[factor][i] = Math.exp(z[i]);
      }
    }
    return new FrequencyFlow(frequencies);
  }

  /**
   * What a flow without a learned part leads to, in closed form: the frequencies of a base that is
   * {@code (2 factor - 1)^(D/(D-2))} times as large (NTK-aware scaling), D two times the pairs.
   */
  public static double[] unlearned(double[] plain, int factor) {
    double[] stretched = new double[plain.length];
    for (int i = 0; i < plain.length; i++) {
      stretched[i] = plain[i] * Math.pow(2.0 * factor - 1, -2.0 * i / (2.0 * plain.length - 2));
    }
    return stretched;
  }

  /** Largest factor. */
  public int most() {
    return frequencies.length;
  }

  /**
   * Radians per position of each pair.
   *
   * @param factor from 1, where they are the model's own, to {@link #most}
   */
  public double[] inverseFrequencies(int factor) {
    return frequencies[factor - 1].clone();
  }

  /** The right side of the equation, and steps along it. */
  private static final class Equation {
    private final Network network;
    private final int pairs;
    private final int width;

    Equation(Network network, int pairs) {
      this.network = network;
      this.pairs = pairs;
      this.width = network.up.length / pairs;
      if (pairs < 2
          || network.up.length != pairs * width
          || network.down.length != network.up.length) {
        throw new IllegalArgumentException(
            "Cannot solve for %d pairs: the matrices have %d and %d values."
                .formatted(pairs, network.up.length, network.down.length));
      }
    }

    /** Moves z from t to {@code t + h}. */
    void step(double t, double h, double[] z) {
      double[] k1 = slope(t, z);
      double[] k2 = slope(t + h / 3, moved(z, h, i -> k1[i] / 3));
      double[] k3 = slope(t + 2 * h / 3, moved(z, h, i -> k2[i] - k1[i] / 3));
      double[] k4 = slope(t + h, moved(z, h, i -> k1[i] - k2[i] + k3[i]));
      for (int i = 0; i < pairs; i++) {
        z[i] += h * (k1[i] + 3 * k2[i] + 3 * k3[i] + k4[i]) / 8;
      }
    }

    private static double[] moved(double[] z, double h, IntToDoubleFunction direction) {
      double[] out = new double[z.length];
      for (int i = 0; i < z.length; i++) {
        out[i] = z[i] + h * direction.applyAsDouble(i);
      }
      return out;
    }

    private double[] slope(double t, double[] z) {
      double growth = 2 * t - 1;
      double dims = 2.0 * pairs;
      double[] inner = new double[width];
      for (int i = 0; i < pairs; i++) {
        double unlearned = -2 * i / dims * Math.log(BASE) - 2 * i / (dims - 2) * Math.log(growth);
        double x = z[i] + unlearned;
        for (int j = 0; j < width; j++) {
          inner[j] += x * network.up[i * width + j];
        }
      }
      double[] slope = new double[pairs];
      for (int j = 0; j < width; j++) {
        double active = network.activation.of(inner[j]);
        for (int i = 0; i < pairs; i++) {
          slope[i] += active * network.down[j * pairs + i];
        }
      }
      for (int i = 0; i < pairs; i++) {
        slope[i] -= 4.0 * i / ((dims - 2) * growth);
      }
      return slope;
    }
  }
}
