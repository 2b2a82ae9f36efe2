package org.longform.read;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Why a row has no value: a class for programs and a sentence for people. */
public record AnswerError(ErrorClass errorClass, String message) {

  /** Any failure as data. Errors of the virtual machine other than a full heap are not caught. */
  public static AnswerError of(Throwable failure) {
    if (failure instanceof LongformException known) {
      return new AnswerError(known.errorClass(), known.getMessage());
    }
    if (failure instanceof OutOfMemoryError) {
      return new AnswerError(
          ErrorClass.OUT_OF_MEMORY,
          "Cannot read the document: memory ran out (%s). Give the executor more memory or use a context with a bounded cache."
              .formatted(failure.getMessage()));
    }
    return new AnswerError(
        ErrorClass.INTERNAL,
        "Cannot read the document: an unexpected %s came up (%s). Please report it."
            .formatted(failure.getClass().getSimpleName(), failure.getMessage()));
  }
}
