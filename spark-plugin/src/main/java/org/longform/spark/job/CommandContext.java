package org.longform.spark.job;

import java.io.PrintStream;

/**
 * What commands get from outside.
 *
 * @param out results
 * @param err progress and errors
 */
record CommandContext(ReaderSource readers, PrintStream out, PrintStream err) {
  /** Set by {@code ci/longform}: Java cannot tell whether its error stream is a terminal. */
  private static final String TERMINAL = "longform.terminal";

  ProgressLine progressLine() {
    return new ProgressLine(
        err,
        Boolean.getBoolean(TERMINAL) ? ProgressLine.Screen.TERMINAL : ProgressLine.Screen.LOG,
        System::nanoTime);
  }
}
