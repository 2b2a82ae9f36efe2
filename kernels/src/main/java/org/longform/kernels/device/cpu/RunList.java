package org.longform.kernels.device.cpu;

import java.util.Arrays;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.tensor.MemoryOwner;

/** Rows of a cache as runs that lie side by side: the words of {@code kernels_run} structs. */
final class RunList {
  static final int WORDS = 4;

  private final MemoryOwner owner;
  private long[] words = new long[64];
  private int size;

  /**
   * @param owner of the memory of the device that reads the rows; null if it has none
   */
  RunList(MemoryOwner owner) {
    this.owner = owner;
  }

  /** Number of runs so far. */
  int size() {
    return size / WORDS;
  }

  /** Appends rows {@code from} to {@code to}; the first has place {@code index} in its list. */
  void add(KvView cache, long from, long to, long index) {
    for (long row = from; row < to; ) {
      int count = cache.contiguous(row, to);
      if (size + WORDS > words.length) {
        words = Arrays.copyOf(words, 2 * words.length);
      }
      words[size] = cache.keyAddress(row, owner);
      words[size + 1] = row;
      words[size + 2] = index + row - from;
      words[size + 3] = count;
      size += WORDS;
      row += count;
    }
  }

  /** Document index of the first row of a run. */
  long row(int run) {
    return words[run * WORDS + 1];
  }

  /** Machine address of the first head's key of its first row. */
  long address(int run) {
    return words[run * WORDS];
  }

  int count(int run) {
    return (int) words[run * WORDS + 3];
  }

  long bytes() {
    return (long) size * Long.BYTES;
  }

  void write(CallBuffer target) {
    target.putAll(words, size);
  }
}
