package org.longform.spark.job;

import java.util.Map;
import org.longform.read.DocumentReader;

/** Readers of this process's runtime. */
final class RuntimeReaders implements ReaderSource {
  private static final long serialVersionUID = 1L;

  @Override
  public DocumentReader reader(Map<String, String> options) {
    throw new UnsupportedOperationException("the runtime is not merged yet");
  }

  @Override
  public void validate(Map<String, String> options) {}

  @Override
  public String describe(Map<String, String> options) {
    return options.toString();
  }
}
