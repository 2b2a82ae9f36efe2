package org.longform.generate;

import java.util.List;
import org.longform.options.GenerationOptions;
import org.longform.options.Options;

/**
 * How one answer is written. The ranges are those of {@link GenerationOptions}.
 *
 * @param temperature 0 is greedy: then topP, topK and minP do not count
 * @param topK 0 keeps all tokens
 * @param stop texts that end the answer, none empty
 * @param seed the option's seed; a row's own seed follows from it by {@link RowSeed}
 */
public record SamplingParameters(
    int maxNewTokens,
    double temperature,
    double topP,
    int topK,
    double minP,
    double repetitionPenalty,
    List<String> stop,
    long seed) {

  public SamplingParameters {
    stop = List.copyOf(stop);
  }

  public static SamplingParameters of(Options options) {
    return new SamplingParameters(
        options.get(GenerationOptions.MAX_NEW_TOKENS),
        options.get(GenerationOptions.TEMPERATURE),
        options.get(GenerationOptions.TOP_P),
        options.get(GenerationOptions.TOP_K),
        options.get(GenerationOptions.MIN_P),
        options.get(GenerationOptions.REPETITION_PENALTY),
        options.get(GenerationOptions.STOP),
        options.get(GenerationOptions.SEED));
  }

  /** The most probable token is taken each time: no randomness. */
  public boolean greedy() {
    return temperature == 0;
  }
}
