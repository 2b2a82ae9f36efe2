package org.longform.kernels.model;

import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Tensor;

/** The residual stream before the first layer. */
final class TokenEmbedding {
  private TokenEmbedding() {}

  /**
   * @param out (T, M)
   */
  static void embed(DecoderSpec spec, Kernels kernels, Weight table, int[] ids, Tensor out) {
    kernels.gather(table, ids, out);
    double scale = spec.design().scales().embedding();
    if (scale != 1) {
      kernels.scale(out, scale);
    }
  }
}
