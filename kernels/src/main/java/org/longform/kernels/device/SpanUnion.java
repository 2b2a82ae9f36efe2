package org.longform.kernels.device;

import java.util.Map;
import java.util.TreeMap;
import org.longform.kernels.cache.Rows;

/** A growing set of tokens, kept as disjoint ranges that do not touch. */
final class SpanUnion {
  private final TreeMap<Long, Long> endByStart = new TreeMap<>();
  private long size;

  /** Number of tokens in the set. */
  long size() {
    return size;
  }

  /** How many tokens of {@code [from, to)} are not yet in the set. */
  long missing(long from, long to) {
    long covered = 0;
    for (Map.Entry<Long, Long> range = endByStart.lowerEntry(to);
        range != null && range.getValue() > from;
        range = endByStart.lowerEntry(range.getKey())) {
      covered += Math.min(range.getValue(), to) - Math.max(range.getKey(), from);
    }
    return to - from - covered;
  }

  void add(long from, long to) {
    long start = from;
    long end = to;
    for (Map.Entry<Long, Long> range = endByStart.floorEntry(to);
        range != null && range.getValue() >= from;
        range = endByStart.floorEntry(to)) {
      start = Math.min(start, range.getKey());
      end = Math.max(end, range.getValue());
      size -= range.getValue() - range.getKey();
      endByStart.remove(range.getKey());
    }
    endByStart.put(start, end);
    size += end - start;
  }

  Rows rows() {
    Rows.Builder rows = Rows.builder();
    endByStart.forEach(rows::range);
    return rows.build();
  }
}
