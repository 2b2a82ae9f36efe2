package org.longform.bench;

import org.longform.kernels.error.LongformException;
import picocli.CommandLine;

/** Longform's own errors are sentences for whoever called; anything else is a fault of ours. */
public final class FailureSentences implements CommandLine.IExecutionExceptionHandler {
  @Override
  public int handleExecutionException(
      Exception failure, CommandLine line, CommandLine.ParseResult parsed) throws Exception {
    if (!(failure instanceof LongformException)) {
      throw failure;
    }
    line.getErr().println(failure.getMessage());
    return 1;
  }
}
