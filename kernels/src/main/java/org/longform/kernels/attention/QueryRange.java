package org.longform.kernels.attention;

/** Rows {@code from} to {@code to} (exclusive) of a query block, by document index. */
public record QueryRange(long from, long to) {
  public static final QueryRange ALL = new QueryRange(0, Long.MAX_VALUE);

  public boolean contains(long row) {
    return row >= from && row < to;
  }
}
