package org.longform.kernels.cache;

import org.longform.kernels.tensor.Memory;

/** Tokens of a range that a device has chosen for all heads, and keeps. */
public interface RowChoice extends AutoCloseable {
  /** First token that could be chosen. */
  long from();

  /** One past the last token that could be chosen. */
  long to();

  /** The tokens; the device is waited for. */
  Rows told();

  /**
   * Has the device write how many tokens they are, as 64 bits to its own memory. Nobody waits, and
   * the choice may be closed then.
   */
  void count(Memory target, long offset);

  @Override
  void close();
}
