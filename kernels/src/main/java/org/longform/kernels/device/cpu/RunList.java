package org.longform.kernels.device.cpu;

import java.util.Arrays;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;

/** Rows of a cache as runs that lie side by side: the words of {@code kernels_run} structs. */
final class RunList {
  static final int WORDS = 4;

  private final MemoryOwner owner;
  private long[] words = new long[64];
  private int size;
  private boolean resident;

  /**
   * @param owner of the memory of the device that reads the rows; null if it has none
   */
  RunList(MemoryOwner owner) {
    this.owner = owner;
    this.resident = owner != null;
  }

  /** Number of runs so far. */
  int size() {
    return size / WORDS;
  }

  /** Appends rows {@code from} to {@code to}; the first has place {@code index} in its list. */
  void add(KvView cache, long from, long to, long index) {
    long pages = (to - from) / KvView.pageRows() + 2;
    if (size + pages * WORDS > words.length) {
      words =
          Arrays.copyOf(words, Math.toIntExact(Math.max(size + pages * WORDS, 2L * words.length)));
    }
    for (long row = from; row < to; ) {
      int count = cache.contiguous(row, to);
      addRun(cache, row, index + row - from, count);
      row += count;
    }
  }

  /** Appends the rest of the page that begins with a row or has it; see {@link #add}. */
  void addPage(KvView cache, long row, long index) {
    addRun(cache, row, index, KvView.pageRows() - row % KvView.pageRows());
  }

  private void addRun(KvView cache, long row, long index, long count) {
    // the processor owns nothing, and need not ask
    resident = resident && cache.isIn(owner, row);
    if (size + WORDS > words.length) {
      words = Arrays.copyOf(words, 2 * words.length);
    }
    words[size] = cache.keyAddress(row, owner);
    words[size + 1] = row;
    words[size + 2] = index;
    words[size + 3] = count;
    size += WORDS;
  }

  /** Whether all rows lie in the owner's memory. */
  boolean isResident() {
    return resident;
  }

  /** Document index of the first row of a run. */
  long row(int run) {
    return words[run * WORDS + 1];
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

  void write(Memory target, long offset) {
    target.writeLongs(offset, words, size);
  }
}
