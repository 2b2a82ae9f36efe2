package org.longform.kernels.model;

import org.longform.kernels.device.Kernels;
import org.longform.kernels.model.DecoderWeights.Norm;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/** The norms of a model, wherever they stand. */
final class Norms {
  private final DecoderSpec spec;
  private final Kernels kernels;

  Norms(DecoderSpec spec, Kernels kernels) {
    this.spec = spec;
    this.kernels = kernels;
  }

  /**
   * Normalises each row.
   *
   * @param out may be x itself
   */
  void apply(Norm norm, Tensor x, Tensor out) {
    switch (spec.design().norm()) {
      case RMS -> kernels.rmsNorm(x, norm.gain(), spec.normEpsilon(), out);
      case LAYER -> kernels.layerNorm(x, norm.gain(), spec.normEpsilon(), out);
    }
    norm.bias().ifPresent(bias -> kernels.addBias(out, bias));
  }

  /** Normalises each row in place, or each head of it if the norm is as wide as a head. */
  void applyToHeads(Norm norm, Tensor x) {
    long width = norm.gain().shape().elements();
    Tensor heads =
        Tensor.view(x.dtype(), Shape.of(x.elements() / width, width), x.memory(), x.byteOffset());
    apply(norm, heads, heads);
  }
}
