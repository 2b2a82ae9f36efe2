package org.longform.spark.compare;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.Task;

/** What is measured of a strategy and a document, in a reading of its own. */
public enum Measure {
  /** Answers to the document's questions, beside the expected ones. */
  ANSWERS(Task.ASK),
  /** How surprising the tokens are, by their position. */
  PERPLEXITY(Task.PERPLEXITY);

  private final Task task;

  Measure(Task task) {
    this.task = task;
  }

  public Task task() {
    return task;
  }

  /** The word users write. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * @throws LongformException INVALID_OPTION listing the known words
   */
  public static Measure ofWord(String word) {
    return Arrays.stream(values())
        .filter(measure -> measure.word().equals(word.strip()))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use option '--measures': its value is unknown ('%s'). Give one or more of %s."
                        .formatted(
                            word,
                            Arrays.stream(values())
                                .map(Measure::word)
                                .collect(Collectors.joining(", ")))));
  }
}
