package org.longform.spark.job;

import java.time.Duration;
import java.util.Locale;

/**
 * What a job did.
 *
 * @param path where the table lies
 * @param rowsBefore rows of this configuration that were there already
 * @param failedBefore how many of them have an error and were not tried again
 * @param reasons why rows have an error now
 * @param documentsLost documents that changed or vanished while the job ran
 */
record JobSummary(
    String path,
    String runId,
    String configHash,
    long rowsBefore,
    long failedBefore,
    long rowsWithValue,
    long rowsWithError,
    Reasons reasons,
    long documentsLost,
    long tokensRead,
    Duration elapsed) {

  String text() {
    double seconds = Math.max(elapsed.toNanos() / 1e9, 1e-9);
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%d rows with a value, %d with an error, %d were there before; %,d tokens read in %s, %,.0f tokens/s.%n",
            rowsWithValue,
            rowsWithError,
            rowsBefore,
            tokensRead,
            ProgressLine.clock(elapsed),
            tokensRead / seconds));
    text.append(reasons.text());
    if (failedBefore > 0) {
      text.append(
          "%d of the rows that were there before have an error; --retry-failed tries them again.%n"
              .formatted(failedBefore));
    }
    if (documentsLost > 0) {
      text.append(
          "%d documents changed or vanished while the job ran and have no rows. Run it again.%n"
              .formatted(documentsLost));
    }
    text.append("The Delta table is at %s%n".formatted(path));
    text.append(
        "Query it: SELECT doc_id, question, value, error FROM delta.`%s` WHERE config_hash = '%s'%n"
            .formatted(path, configHash));
    return text.toString();
  }
}
