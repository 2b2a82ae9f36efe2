package org.longform.spark.job;

import java.time.Duration;
import java.util.Locale;

/**
 * What a job did.
 *
 * @param path where the table lies
 * @param rowsBefore rows of this configuration that were there already
 * @param documentsLost documents that changed or vanished while the job ran
 */
record JobSummary(
    String path,
    String runId,
    String configHash,
    long rowsBefore,
    long rowsWithValue,
    long rowsWithError,
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
