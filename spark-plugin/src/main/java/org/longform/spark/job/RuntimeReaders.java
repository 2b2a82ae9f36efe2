package org.longform.spark.job;

import java.util.Map;
import org.longform.read.DocumentReader;
import org.longform.runtime.LongformRuntime;

/** The readers of each process's own runtime, which share one loaded model. */
final class RuntimeReaders implements ReaderSource {
  private static final long serialVersionUID = 1L;

  @Override
  public DocumentReader reader(Map<String, String> options) {
    return LongformRuntime.reader(options);
  }

  @Override
  public void validate(Map<String, String> options) {
    LongformRuntime.validate(options);
  }

  @Override
  public String describe(Map<String, String> options) {
    return LongformRuntime.describe(options);
  }

  @Override
  public String modelRevision(Map<String, String> options) {
    return LongformRuntime.modelRevision(options);
  }

  @Override
  public long trainedWindow(Map<String, String> options) {
    return LongformRuntime.trainedWindow(options);
  }

  @Override
  public void requireModelRevision(Map<String, String> options, String revision) {
    LongformRuntime.requireModelRevision(options, revision);
  }
}
