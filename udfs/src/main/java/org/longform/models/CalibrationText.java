package org.longform.models;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.tokenizer.Tokenizer;

/**
 * A text that stands for what a model will read. Samples of it are cut at random places, as the
 * pruning and quantisation papers do.
 *
 * @param file UTF-8
 * @param samples how many
 * @param sampleTokens length of each
 */
public record CalibrationText(Path file, int samples, int sampleTokens, long seed) {
  // it is held in memory, and a few hundred tokens of it are used
  private static final long MOST_BYTES = 256L << 20;

  /**
   * The token ids of the samples, drawn with the seed; they may overlap.
   *
   * @throws LongformException INVALID_INPUT if the text cannot be read or is too short
   */
  public List<int[]> tokenize(ModelLocation model) {
    int[] ids;
    try (Tokenizer tokenizer = Tokenizer.load(model.path())) {
      ids = tokenizer.encode(text());
    }
    if (ids.length < sampleTokens) {
      throw refused(
          "it has %d tokens, and a sample takes %d".formatted(ids.length, sampleTokens), null);
    }
    SplittableRandom random = new SplittableRandom(seed);
    List<int[]> cut = new ArrayList<>();
    for (int i = 0; i < samples; i++) {
      int from = random.nextInt(ids.length - sampleTokens + 1);
      cut.add(Arrays.copyOfRange(ids, from, from + sampleTokens));
    }
    return cut;
  }

  private String text() {
    try {
      long bytes = Files.size(file);
      if (bytes > MOST_BYTES) {
        throw refused("it has %,d bytes, and %,d are enough".formatted(bytes, MOST_BYTES), null);
      }
      return Files.readString(file);
    } catch (MalformedInputException e) {
      throw refused("it is not UTF-8", e);
    } catch (IOException e) {
      throw refused(
          Files.exists(file) ? "it cannot be read (%s)".formatted(e) : "there is no such file", e);
    }
  }

  private LongformException refused(String why, Throwable cause) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot use calibration text '%s': %s. Give a plain text like those to be read."
            .formatted(file, why),
        cause);
  }
}
