package org.longform.kernels.quantise;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.device.Kernels;

/**
 * What a method sees of the model at work.
 *
 * @param kernels the device that reads the texts; it stays with the caller
 * @param samples tokens inside the vocabulary, each list a text of its own
 */
public record Calibration(Kernels kernels, List<int[]> samples) {
  public static final String SAMPLES = "samples";
  public static final String SAMPLE_TOKENS = "sample-tokens";

  static Parameter samples(long published) {
    return Parameter.integer(
        SAMPLES,
        "Pieces of the calibration text that are read, from its beginning on.",
        Long.toString(published),
        limits -> published,
        1);
  }

  static Parameter sampleTokens(long published) {
    return Parameter.integer(
        SAMPLE_TOKENS,
        "Tokens of a piece, at most the trained window.",
        "%d, or the trained window if that is shorter".formatted(published),
        limits -> Math.min(published, limits.trainedWindow()),
        1);
  }
}
