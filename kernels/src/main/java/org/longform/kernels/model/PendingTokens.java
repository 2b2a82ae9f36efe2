package org.longform.kernels.model;

import java.util.Arrays;

/** Tokens taken from the caller but not read yet, in order. */
final class PendingTokens {
  private int[] tokens = new int[0];
  private int from;
  private int to;

  int size() {
    return to - from;
  }

  void add(int[] source, int offset, int count) {
    if (to + count > tokens.length) {
      tokens = Arrays.copyOf(Arrays.copyOfRange(tokens, from, to), Math.addExact(size(), count));
      to -= from;
      from = 0;
    }
    System.arraycopy(source, offset, tokens, to, count);
    to += count;
  }

  int[] first(int count) {
    return Arrays.copyOfRange(tokens, from, from + count);
  }

  void drop(int count) {
    from += count;
  }

  PendingTokens copy() {
    PendingTokens copy = new PendingTokens();
    copy.add(tokens, from, size());
    return copy;
  }
}
