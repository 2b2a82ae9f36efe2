package org.longform.spark.sink;

import io.delta.exceptions.DeltaConcurrentModificationException;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Writes to a table that others write to as well: who loses a race writes again, to the new state.
 */
final class Conflicts {
  private static final int ATTEMPTS = 10;

  private Conflicts() {}

  /**
   * @param what completes "Cannot ...", for the sentence
   * @throws LongformException INTERNAL if others were faster each time; nothing is written then
   */
  static void retry(String what, Runnable write) {
    for (int attempt = 1; ; attempt++) {
      try {
        write.run();
        return;
      } catch (DeltaConcurrentModificationException e) {
        if (attempt == ATTEMPTS) {
          throw new LongformException(
              ErrorClass.INTERNAL,
              "Cannot %s: other jobs changed the table %d times in between. Run the job again; finished rows are kept."
                  .formatted(what, attempt),
              e);
        }
      }
    }
  }
}
