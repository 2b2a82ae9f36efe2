package org.longform.spark.job;

import java.time.Duration;
import org.longform.spark.job.JobRequest.Batching;
import org.longform.spark.job.JobRequest.FailedRows;
import picocli.CommandLine.Option;

/** Flags that say where the answers go, and how often they are committed. */
final class OutputArguments {
  @Option(
      names = "--output",
      required = true,
      paramLabel = "<path>",
      order = 10,
      description =
          "Delta table of answers; created if there is none. Rows that are in it already are not"
              + " read again.")
  private String output;

  @Option(
      names = "--batch-documents",
      defaultValue = "256",
      paramLabel = "<n>",
      order = 11,
      description = "Documents read between two commits at most. Default: 256.")
  private int batchDocuments;

  @Option(
      names = "--batch-minutes",
      defaultValue = "10",
      paramLabel = "<n>",
      order = 12,
      description = "Commit what is finished after so many minutes. Default: 10.")
  private int batchMinutes;

  @Option(
      names = "--retry-failed",
      order = 13,
      description = "Try rows again that have an error in the table.")
  private boolean retryFailed;

  @Option(
      names = "--show",
      defaultValue = "0",
      paramLabel = "<n>",
      order = 14,
      description = "Print so many answers at the end. Default: 0.")
  private int show;

  String output() {
    return output;
  }

  Batching batching() {
    return new Batching(
        Arguments.positive("--batch-documents", batchDocuments),
        Duration.ofMinutes(Arguments.positive("--batch-minutes", batchMinutes)));
  }

  FailedRows failedRows() {
    return retryFailed ? FailedRows.RETRY : FailedRows.KEEP;
  }

  int show() {
    return Arguments.atLeast("--show", show, 0);
  }
}
