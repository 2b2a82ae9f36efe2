package org.longform.kernels.model;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.PositionEncoding.Alibi;
import org.longform.kernels.attention.PositionEncoding.Rope;

/**
 * Whether two specs compute the same from the same weights. A format may lack a word for something,
 * and then a file is read as another model than it was written from.
 */
final class Alike {
  // numbers in GGUF files are float32
  private static final double ROUNDING = 1e-4;
  // the same in bfloat16, in which Gemma's embeddings are scaled, and llama.cpp's are not
  private static final double HALF_ROUNDING = 1e-2;

  private Alike() {}

  static boolean compute(DecoderSpec a, DecoderSpec b) {
    return designs(a, b) && reaches(a, b);
  }

  private static boolean designs(DecoderSpec a, DecoderSpec b) {
    LayerDesign x = a.design();
    LayerDesign y = b.design();
    return x.norm() == y.norm()
        && x.norms().equals(y.norms())
        && x.activation() == y.activation()
        && x.experts().equals(y.experts())
        && close(x.scales().embedding(), y.scales().embedding(), HALF_ROUNDING)
        && close(a.attentionScale(), b.attentionScale(), ROUNDING)
        && close(x.scales().residual(), y.scales().residual(), ROUNDING)
        && close(x.scales().logits(), y.scales().logits(), ROUNDING)
        && close(x.softCaps().attention(), y.softCaps().attention(), ROUNDING)
        && close(x.softCaps().logits(), y.softCaps().logits(), ROUNDING)
        && close(x.clip(), y.clip(), ROUNDING);
  }

  private static boolean reaches(DecoderSpec a, DecoderSpec b) {
    // some scalings are others for texts beyond the window
    long window = a.trainedWindow();
    for (int layer = 0; layer < a.layers(); layer++) {
      LayerReach x = a.reach(layer);
      LayerReach y = b.reach(layer);
      if (x.window() != y.window()
          || !positions(x.positions().encoding(window), y.positions().encoding(window))
          || !positions(x.positions().encoding(window + 1), y.positions().encoding(window + 1))) {
        return false;
      }
    }
    return true;
  }

  /** Where pairs lie does not matter: the rows of the weights go with them. */
  private static boolean positions(PositionEncoding a, PositionEncoding b) {
    if (a instanceof Rope x && b instanceof Rope y) {
      return close(x.inverseFrequencies(), y.inverseFrequencies())
          && close(x.attentionFactor(), y.attentionFactor(), ROUNDING);
    }
    return a instanceof Alibi x && b instanceof Alibi y && close(x.slopes(), y.slopes());
  }

  private static boolean close(double[] a, double[] b) {
    if (a.length != b.length) {
      return false;
    }
    for (int i = 0; i < a.length; i++) {
      if (!close(a[i], b[i], ROUNDING)) {
        return false;
      }
    }
    return true;
  }

  private static boolean close(double a, double b, double rounding) {
    return a == b || Math.abs(a - b) <= rounding * Math.max(Math.abs(a), Math.abs(b));
  }
}
