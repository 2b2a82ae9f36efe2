package org.longform.spark;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Things to do at the end, all of them, whichever fail. */
final class ShutdownSteps {
  /** One thing to do; its name completes "Cannot ...". */
  record Step(String name, Runnable action) {}

  private ShutdownSteps() {}

  /**
   * Runs every step.
   *
   * @throws LongformException INTERNAL for the first step that failed, others suppressed in it
   */
  static void run(Step... steps) {
    LongformException first = null;
    for (Step step : steps) {
      try {
        step.action().run();
      } catch (RuntimeException | LinkageError e) {
        LongformException failure =
            new LongformException(
                ErrorClass.INTERNAL,
                "Cannot %s while shutting down: %s. Other shutdown steps were run."
                    .formatted(step.name(), e),
                e);
        if (first == null) {
          first = failure;
        } else {
          first.addSuppressed(failure);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }
}
