package org.longform.kernels.cache;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.LongPredicate;

/**
 * Which tokens of a document are meant, as sorted, disjoint ranges of token indices. A token keeps
 * its index for as long as the document is read, also when tokens before it were dropped; unless
 * its strategy has rows gathered, which then are numbered anew ({@link KvCache#gather}).
 *
 * <p>One list is shared by all heads ({@link #groups} is 1), or each group of heads has its own, in
 * CSR form: ranges {@code indptr[g] .. indptr[g+1]} belong to group g. Query head h of H belongs to
 * group {@code h * groups / H}, so that groups = key/value heads and groups = query heads both
 * work.
 *
 * <p>A device may have chosen some of the tokens and not told which ({@link #chosen}). Whoever asks
 * for tokens waits for it then; {@link #untold} and {@link #outline} say what is known before.
 */
public final class Rows {
  private static final Rows NONE = new Rows(new int[] {0, 0}, new long[0], new long[0]);

  private record Lists(int[] indptr, long[] starts, long[] ends) {}

  // null where all tokens were known from the beginning
  private final ChosenRows chosen;
  // null until a device has told which tokens it chose
  private volatile Lists lists;

  private Rows(int[] indptr, long[] starts, long[] ends) {
    this.chosen = null;
    this.lists = new Lists(indptr, starts, ends);
  }

  private Rows(ChosenRows chosen) {
    this.chosen = chosen;
  }

  private Lists lists() {
    if (lists == null) {
      lists = chosen.told().lists();
    }
    return lists;
  }

  private int[] indptr() {
    return lists().indptr;
  }

  private long[] starts() {
    return lists().starts;
  }

  private long[] ends() {
    return lists().ends;
  }

  /** No row at all, for all heads. */
  public static Rows none() {
    return NONE;
  }

  /** Tokens {@code from} to {@code to} (exclusive), for all heads; none if the range is empty. */
  public static Rows range(long from, long to) {
    return from >= to
        ? NONE
        : new Rows(new int[] {0, 1}, new long[] {checkStart(from)}, new long[] {to});
  }

  /** Single tokens in strictly increasing order, for all heads. Neighbours are joined to ranges. */
  public static Rows of(long... indices) {
    return builder().group(indices).build();
  }

  /**
   * Tokens that a device has chosen, for all heads. They are told when somebody asks, unless it
   * gave them back before ({@link #close}).
   */
  public static Rows chosen(RowChoice choice) {
    return new Rows(new ChosenRows(NONE, choice, NONE));
  }

  /** What is known of tokens that a device has not told; empty if all are known. */
  public Optional<ChosenRows> untold() {
    return lists == null ? Optional.of(chosen) : Optional.empty();
  }

  /** All of these tokens, and of untold ones those among which they were chosen. */
  public Rows outline() {
    return untold().map(ChosenRows::outline).orElse(this);
  }

  /** A shared list with tokens before and behind it. */
  public Rows between(Rows before, Rows behind) {
    return untold()
        .map(own -> new Rows(own.between(before, behind)))
        .orElseGet(() -> builder().all(before).all(this).all(behind).build());
  }

  /**
   * Gives back what a device keeps of tokens that it chose; untold ones cannot be told any more.
   */
  public void close() {
    if (chosen != null) {
      chosen.choice().close();
    }
  }

  public static Builder builder() {
    return new Builder();
  }

  /** Number of lists: 1 (shared by all heads), the key/value heads, or the query heads. */
  public int groups() {
    // what a device chooses is for all heads
    return lists == null ? 1 : indptr().length - 1;
  }

  /** Number of ranges of a group. */
  public int ranges(int group) {
    return indptr()[group + 1] - indptr()[group];
  }

  /** First token of the i-th range of a group. */
  public long start(int group, int i) {
    return starts()[indptr()[group] + i];
  }

  /** One past the last token of the i-th range of a group. */
  public long end(int group, int i) {
    return ends()[indptr()[group] + i];
  }

  /** Number of tokens of a group. */
  public long count(int group) {
    Lists own = lists();
    long count = 0;
    for (int i = own.indptr[group]; i < own.indptr[group + 1]; i++) {
      count += own.ends[i] - own.starts[i];
    }
    return count;
  }

  /** Number of tokens of the longest group. */
  public long maxCount() {
    long max = 0;
    for (int g = 0; g < groups(); g++) {
      max = Math.max(max, count(g));
    }
    return max;
  }

  public boolean isEmpty() {
    return starts().length == 0;
  }

  /** All token indices of a group, in order. */
  public long[] toArray(int group) {
    long[] out = new long[Math.toIntExact(count(group))];
    Lists own = lists();
    int at = 0;
    for (int i = own.indptr[group]; i < own.indptr[group + 1]; i++) {
      for (long row = own.starts[i]; row < own.ends[i]; row++) {
        out[at++] = row;
      }
    }
    return out;
  }

  public boolean contains(int group, long row) {
    return containsRange(group, row, row + 1);
  }

  /** Whether a group has every token of {@code [from, to)}. */
  public boolean containsRange(int group, long from, long to) {
    if (from >= to) {
      return true;
    }
    // neighbouring ranges are joined when built, so one range has all of them or none has
    Lists own = lists();
    int at = Arrays.binarySearch(own.starts, own.indptr[group], own.indptr[group + 1], from);
    int range = at >= 0 ? at : -at - 2;
    return range >= own.indptr[group] && to <= own.ends[range];
  }

  /** Whether every token of this list satisfies {@code predicate} for whole ranges' ends. */
  boolean allRanges(RangePredicate predicate) {
    Lists own = lists();
    for (int i = 0; i < own.starts.length; i++) {
      if (!predicate.test(own.starts[i], own.ends[i])) {
        return false;
      }
    }
    return true;
  }

  /** The tokens of group 0 that satisfy the predicate. */
  public Rows filter(LongPredicate predicate) {
    return of(Arrays.stream(toArray(0)).filter(predicate).toArray());
  }

  /** The part of a shared list that lies in {@code [from, to)}. */
  public Rows clip(long from, long to) {
    Builder builder = builder();
    for (int i = 0; i < ranges(0); i++) {
      builder.range(Math.max(start(0, i), from), Math.min(end(0, i), to));
    }
    return builder.build();
  }

  /** A shared list and {@code [from, to)} behind it. */
  Rows append(long from, long to) {
    int ranges = starts().length;
    boolean joined = ranges > 0 && ends()[ranges - 1] == from;
    if (groups() != 1 || from >= to || (ranges > 0 && from < ends()[ranges - 1])) {
      throw new IllegalArgumentException(
          "Cannot append tokens %d to %d to %s: they do not follow.".formatted(from, to, this));
    }
    int size = joined ? ranges : ranges + 1;
    long[] moreEnds = Arrays.copyOf(ends(), size);
    moreEnds[size - 1] = to;
    if (joined) {
      return new Rows(indptr(), starts(), moreEnds);
    }
    long[] moreStarts = Arrays.copyOf(starts(), size);
    moreStarts[size - 1] = checkStart(from);
    return new Rows(new int[] {0, size}, moreStarts, moreEnds);
  }

  private static long checkStart(long from) {
    if (from < 0) {
      throw new IllegalArgumentException("Cannot select token %d: it is negative.".formatted(from));
    }
    return from;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Rows rows
        && Arrays.equals(indptr(), rows.indptr())
        && Arrays.equals(starts(), rows.starts())
        && Arrays.equals(ends(), rows.ends());
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(starts()) * 31 + Arrays.hashCode(ends());
  }

  @Override
  public String toString() {
    StringBuilder out = new StringBuilder("Rows");
    for (int g = 0; g < groups(); g++) {
      out.append(g == 0 ? "{" : " | ");
      for (int i = 0; i < ranges(g); i++) {
        out.append(i == 0 ? "" : ", ").append(start(g, i)).append("..").append(end(g, i));
      }
    }
    return out.append('}').toString();
  }

  /** A condition on a whole range. */
  interface RangePredicate {
    boolean test(long start, long end);
  }

  /** Collects ranges in increasing order; adjacent ones are joined. */
  public static final class Builder {
    private long[] starts = new long[8];
    private long[] ends = new long[8];
    private int[] groupEnds = new int[2];
    private int groups;
    private int size;
    private int groupStart;

    private Builder() {}

    /** Appends {@code [from, to)} to the current group; an empty range is left out. */
    public Builder range(long from, long to) {
      if (from >= to) {
        return this;
      }
      checkStart(from);
      if (size > groupStart && from < ends[size - 1]) {
        throw new IllegalArgumentException(
            "Cannot select tokens %d to %d after %d: rows must be sorted and disjoint."
                .formatted(from, to, ends[size - 1]));
      }
      if (size > groupStart && from == ends[size - 1]) {
        ends[size - 1] = to;
        return this;
      }
      if (size == starts.length) {
        starts = Arrays.copyOf(starts, size * 2);
        ends = Arrays.copyOf(ends, size * 2);
      }
      starts[size] = from;
      ends[size++] = to;
      return this;
    }

    /** Appends a shared list to the current group. */
    public Builder all(Rows rows) {
      for (int i = 0; i < rows.ranges(0); i++) {
        range(rows.start(0, i), rows.end(0, i));
      }
      return this;
    }

    /** Appends single tokens, strictly increasing, and closes the group. */
    public Builder group(long... indices) {
      for (long index : indices) {
        range(index, index + 1);
      }
      return endGroup();
    }

    /** Closes the current group; the next ranges belong to the next one. */
    public Builder endGroup() {
      if (groups == groupEnds.length) {
        groupEnds = Arrays.copyOf(groupEnds, groups * 2);
      }
      groupEnds[groups++] = size;
      groupStart = size;
      return this;
    }

    public Rows build() {
      if (groups == 0 || size > groupStart) {
        endGroup();
      }
      int[] indptr = new int[groups + 1];
      System.arraycopy(groupEnds, 0, indptr, 1, groups);
      return new Rows(indptr, Arrays.copyOf(starts, size), Arrays.copyOf(ends, size));
    }
  }
}
