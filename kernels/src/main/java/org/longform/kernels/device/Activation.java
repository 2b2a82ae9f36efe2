package org.longform.kernels.device;

/** The function between the matrices of a feed-forward part. */
public enum Activation {
  /** {@code x / (1 + exp(-x))}. */
  SILU {
    @Override
    public double of(double x) {
      return x / (1 + Math.exp(-x));
    }
  },
  /** {@code x * Φ(x)} with the normal distribution function. */
  GELU {
    @Override
    public double of(double x) {
      return x * ErrorFunction.complement(-x / Math.sqrt(2)) / 2;
    }
  },
  /** GELU by a hyperbolic tangent, {@code gelu_new} and {@code gelu_pytorch_tanh}. */
  GELU_TANH {
    @Override
    public double of(double x) {
      return x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    }
  };

  /** The value at x. */
  public abstract double of(double x);
}
