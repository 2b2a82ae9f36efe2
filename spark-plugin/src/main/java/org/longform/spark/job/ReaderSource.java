package org.longform.spark.job;

import java.io.Serializable;
import java.util.Map;
import org.longform.read.DocumentReader;

/** Where the job gets its readers from. It travels to the executors. */
interface ReaderSource extends Serializable {
  /** A reader for options by their SQL names; cheap after the first call in a process. */
  DocumentReader reader(Map<String, String> options);

  /** Refuses what cannot work, with a sentence, before anything is read. */
  void validate(Map<String, String> options);

  /** Model revision, method and every option that was set: what makes a row another one. */
  String describe(Map<String, String> options);

  /** The version of the model that the options name, as its files are now. */
  String modelRevision(Map<String, String> options);

  /** Tokens that the model the options name was trained to read at once. */
  long trainedWindow(Map<String, String> options);

  /**
   * Refuses to read, in an executor, with a model that is not the driver's; cheap where nothing
   * changed.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL
   */
  void requireModelRevision(Map<String, String> options, String revision);
}
