package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.ChosenRows;
import org.longform.kernels.cache.Patience;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemorySource;

/**
 * How many cached tokens the plans of a block select. Of rows that a device has not told it notes
 * itself how many they are, and the host hears of all of them when the block is read: it need not
 * wait in each layer.
 */
final class AttendedTokens implements AutoCloseable {
  /** A plan with one number still to come. */
  private record Note(int branch, long known, long end) {}

  private final long[] most;
  private final int plans;
  private final List<Note> notes = new ArrayList<>();
  // on the device, a number for each note; null if there is none
  private Memory counts;

  /**
   * @param plans of all branches in all layers
   */
  AttendedTokens(int branches, int plans) {
    this.most = new long[branches];
    this.plans = plans;
  }

  /**
   * Counts what a plan selects of the tokens before {@code end}.
   *
   * @param source of memory of the device that made the plan
   */
  void add(int branch, AttentionPlan plan, long end, MemorySource source) {
    long known = 0;
    Optional<ChosenRows> noted = Optional.empty();
    for (Segment segment : plan.segments()) {
      Optional<ChosenRows> untold = segment.rows().untold();
      if (noted.isEmpty() && untold.isPresent() && hasRoom(source)) {
        noted = untold;
        known += untold.get().known();
      } else {
        known += segment.rows().maxCount();
      }
    }
    if (noted.isEmpty()) {
      most(branch, known, end);
    } else {
      noted.get().choice().count(counts, (long) notes.size() * Long.BYTES);
      notes.add(new Note(branch, known, end));
    }
  }

  private void most(int branch, long tokens, long end) {
    most[branch] = Math.max(most[branch], Math.min(tokens, end));
  }

  private boolean hasRoom(MemorySource source) {
    if (counts == null) {
      try {
        counts = source.allocate((long) plans * Long.BYTES);
      } catch (LongformException e) {
        if (!Patience.isRefusal(e)) {
          throw e;
        }
        // whoever cannot note it waits for it
        return false;
      }
    }
    return true;
  }

  /** Hears from the device, if it noted anything. */
  void settle() {
    if (counts == null) {
      return;
    }
    try (Memory told = Memory.allocate(counts.size())) {
      told.copyFrom(counts, 0, 0, counts.size());
      for (int i = 0; i < notes.size(); i++) {
        Note note = notes.get(i);
        most(note.branch, note.known + told.getLong((long) i * Long.BYTES), note.end);
      }
    } finally {
      close();
    }
  }

  /** Of each branch those that its largest plan selects, summed over branches. */
  long sum() {
    return Arrays.stream(most).sum();
  }

  /** What the device has noted is lost. */
  @Override
  public void close() {
    if (counts != null) {
      counts.close();
      counts = null;
      notes.clear();
    }
  }
}
