package org.longform.kernels.device.cpu;

import java.util.concurrent.atomic.AtomicBoolean;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Patience;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;

/**
 * The candidates of a search as {@code kernels_run} structs, page by page, and the sketches of
 * these pages. Kept with the layer of the cache for as long as its pages stay where they are, so
 * that a token behind a million others has only new pages listed.
 */
final class KeyList implements KvView.Notes {
  private static final int RUN_BYTES = RunList.WORDS * Long.BYTES;
  private static final int LEAST_RUNS = 64;

  private final MemoryOwner owner;
  private final MemorySource source;
  private final boolean kept;
  private final AtomicBoolean taken = new AtomicBoolean();
  private final KeySketches sketches;
  // on the host, which looks at them when it makes sketches
  private Memory runs = Memory.allocate(0);
  // the same for a device that has memory of its own; null if it has none left, or reads the host's
  private Memory copy;
  private int size;
  private long from;
  // one past the last row that is listed
  private long next;
  private long moves;
  // whether all keys lie in the owner's memory
  private boolean resident;

  private KeyList(MemoryOwner owner, MemorySource source, boolean kept) {
    this.owner = owner;
    this.source = source;
    this.kept = kept;
    sketches = new KeySketches(owner, owner == null ? MemorySource.HOST : source);
  }

  /**
   * Lists rows {@code from} to {@code to} of a cache; to be {@link #giveBack given back}.
   *
   * @param owner of the device's own memory; null if it has none
   * @param source of memory that the device reads
   */
  static KeyList borrow(KvView cache, long from, long to, MemoryOwner owner, MemorySource source) {
    KeyList list = null;
    if (cache.isSettled(to)) {
      list = cache.notes(KeyList.class, () -> new KeyList(owner, source, true));
    }
    // what several threads read has one list that is kept
    if (list == null || !list.taken.compareAndSet(false, true)) {
      list = new KeyList(owner, MemorySource.HOST, false);
    }
    try {
      list.list(cache, from, to);
      return list;
    } catch (Throwable e) {
      list.size = 0;
      list.giveBack();
      throw e;
    }
  }

  private void list(KvView cache, long first, long to) {
    if (size == 0 || first != from || cache.moves() != moves) {
      sketches.clear();
      size = 0;
      from = first;
      next = first;
      moves = cache.moves();
      resident = true;
    }
    RunList more = new RunList(owner);
    if (!kept) {
      more.add(cache, from, to, 0);
      resident = false;
      next = to;
    }
    while (next < to) {
      more.addPage(cache, next, next - from);
      next = pageEnd(next);
    }
    resident = resident && more.isResident();
    append(more);
  }

  private void append(RunList more) {
    long listed = (long) size * RUN_BYTES;
    if (listed + more.bytes() > runs.size()) {
      runs = larger(runs, MemorySource.HOST, listed, more.bytes());
    }
    more.write(runs, listed);
    size += more.size();
    if (!resident) {
      dropCopy();
    } else if (copy == null || more.size() > 0) {
      copy(more, listed);
    }
  }

  /** Has the device's list say what the host's does; of a full device there is none. */
  private void copy(RunList more, long listed) {
    long bytes = listed + more.bytes();
    try {
      if (copy == null) {
        copy = source.allocate(Math.max(2 * bytes, LEAST_RUNS * RUN_BYTES));
        copy.copyFrom(runs, 0, 0, bytes);
        return;
      }
      if (bytes > copy.size()) {
        copy = larger(copy, source, listed, more.bytes());
      }
      more.write(copy, listed);
    } catch (LongformException e) {
      if (!Patience.isRefusal(e)) {
        throw e;
      }
      dropCopy();
    }
  }

  private static Memory larger(Memory list, MemorySource source, long listed, long more) {
    Memory larger = source.allocate(Math.max(2 * listed + more, LEAST_RUNS * RUN_BYTES));
    larger.copyFrom(list, 0, 0, listed);
    list.close();
    return larger;
  }

  private void dropCopy() {
    if (copy != null) {
      copy.close();
      copy = null;
    }
  }

  private static long pageEnd(long row) {
    return row - row % KvView.pageRows() + KvView.pageRows();
  }

  /** Whether a device may know the pages by sketches: one with memory of its own has all there. */
  boolean maySketch() {
    return owner == null || isResident();
  }

  /** Makes what is missing of the sketches. */
  void sketch(KvView cache, long device) {
    sketches.update(cache, this, device);
  }

  /** Address of the runs, in the owner's memory if they are there. */
  long address() {
    return (copy == null ? runs : copy).address(0, owner);
  }

  /** Address of the runs on the host. */
  long hostAddress() {
    return runs.address(0);
  }

  /** Address of a list of the addresses of their sketches, or 0 where a run has none. */
  long sketchAddress() {
    return sketches.address();
  }

  /** How many runs have rows before {@code to}; the last may go on beyond. */
  int size(long to) {
    return kept ? size - (int) ((next - pageEnd(to - 1)) / KvView.pageRows()) : size;
  }

  int size() {
    return size;
  }

  /** Whether the device finds the runs and all their rows in its own memory. */
  boolean isResident() {
    return copy != null;
  }

  /** Machine address of the first head's key of a run's first row. */
  long key(int run) {
    return runs.getLong((long) run * RUN_BYTES);
  }

  long row(int run) {
    return runs.getLong((long) run * RUN_BYTES + Long.BYTES);
  }

  long rows(int run) {
    return runs.getLong((long) run * RUN_BYTES + 3 * Long.BYTES);
  }

  void giveBack() {
    if (kept) {
      taken.set(false);
    } else {
      close();
    }
  }

  @Override
  public void close() {
    sketches.clear();
    dropCopy();
    runs.close();
  }
}
