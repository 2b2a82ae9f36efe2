package org.longform.read;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.prompt.Task;

/**
 * One answer and all that is to be known of how it came about. {@code value} is null exactly when
 * {@code error} is not.
 *
 * @param value the text; for {@link Task#PERPLEXITY} the number as text, for {@link Task#EXTRACT}
 *     JSON, for {@link Task#FILTER} true or false
 * @param error why there is no value
 * @param finishReason stop, length, cancelled or error
 * @param inputTokens tokens of the prompt, the document included
 * @param outputTokens tokens written
 * @param attendedTokens cached tokens the queries attended to, summed over blocks
 * @param truncated whether a limit set by the user cut the document; false otherwise, always
 * @param method the reading strategy, unless sequential, and the context strategy, with their
 *     parameters; the decoding strategy, unless plain
 * @param model the model's name
 * @param modelRevision what tells two versions of the model apart
 * @param seed the seed of this row
 * @param latencyMs milliseconds from the request to the answer
 * @param evidence source spans, best first
 * @param rows what became of the rows of a group; {@link RowTally#NONE} for any other document
 * @param probabilities of all values that could have been chosen, in their order; empty where none
 *     was
 */
public record Answer(
    String value,
    AnswerError error,
    String finishReason,
    long inputTokens,
    long outputTokens,
    long attendedTokens,
    boolean truncated,
    String method,
    String model,
    String modelRevision,
    long seed,
    long latencyMs,
    List<Evidence> evidence,
    RowTally rows,
    Map<String, Double> probabilities) {
  public Answer {
    evidence = List.copyOf(evidence);
    probabilities = new LinkedHashMap<>(probabilities);
  }

  /** Of a document that no model was asked about. */
  public static Answer refused(AnswerError error) {
    return new Answer(
        null,
        error,
        "error",
        0,
        0,
        0,
        false,
        null,
        null,
        null,
        0,
        0,
        List.of(),
        RowTally.NONE,
        Map.of());
  }

  /** Not to be changed. */
  @Override
  public Map<String, Double> probabilities() {
    return Collections.unmodifiableMap(probabilities);
  }

  public Optional<AnswerError> failure() {
    return Optional.ofNullable(error);
  }
}
