package org.longform.spark.job;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.longform.options.Options;
import org.longform.options.RecoveryOptions;
import org.longform.prompt.Task;
import org.longform.spark.job.input.InputSpec;

/**
 * What a job is to do.
 *
 * @param questions asked of every document, besides those it carries; for {@link Task#ASK} only
 * @param options options by SQL name, for the reader
 * @param output path of the Delta table
 * @param limit read at most this many documents of the input
 */
record JobRequest(
    InputSpec input,
    Task task,
    List<String> questions,
    Map<String, String> options,
    String output,
    long limit,
    Batching batching,
    FailedRows failedRows,
    OnError onError,
    Recovery recovery) {
  JobRequest {
    questions = List.copyOf(questions);
    options = Map.copyOf(options);
  }

  /**
   * How much work is at risk when the job is killed.
   *
   * @param documents read at most this many between two commits
   * @param time commit what is finished after this time, even within a batch
   */
  record Batching(int documents, Duration time) {}

  JobRequest withRecovery(Recovery other) {
    return new JobRequest(
        input, task, questions, options, output, limit, batching, failedRows, onError, other);
  }

  /**
   * What happens when an executor ends in the middle of its work.
   *
   * @param maxAttempts how often a document is begun whose executor ends while it is read
   * @param directory for marks and checkpoints, empty for one in the table's
   */
  record Recovery(int maxAttempts, String directory) {
    static final Recovery DEFAULT = of(Options.defaults());

    static Recovery of(Options options) {
      return new Recovery(
          options.get(RecoveryOptions.MAX_ATTEMPTS),
          options.find(RecoveryOptions.CHECKPOINT_DIRECTORY).orElse(""));
    }
  }

  /** What happens to rows that failed in an earlier run. */
  enum FailedRows {
    KEEP,
    RETRY
  }

  /** What happens when a row fails. */
  enum OnError {
    RECORD,
    FAIL_JOB
  }
}
