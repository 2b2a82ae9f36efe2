package org.longform.decoding;

import java.util.Arrays;

/**
 * The tokens of a prompt and of what was written after it. Forks share what they have in common.
 */
final class TokenHistory {
  private final int[] shared;
  private final int sharedSize;
  private int[] own;
  private int ownSize;

  TokenHistory() {
    this(new int[0], 0);
  }

  private TokenHistory(int[] shared, int sharedSize) {
    this.shared = shared;
    this.sharedSize = sharedSize;
    this.own = new int[64];
  }

  int size() {
    return sharedSize + ownSize;
  }

  int get(int index) {
    return index < sharedSize ? shared[index] : own[index - sharedSize];
  }

  void add(int token) {
    add(new int[] {token}, 0, 1);
  }

  void add(int[] tokens, int from, int count) {
    if (ownSize + count > own.length) {
      own = Arrays.copyOf(own, Math.max(Math.addExact(ownSize, count), 2 * ownSize));
    }
    System.arraycopy(tokens, from, own, ownSize, count);
    ownSize += count;
  }

  /** Goes on by itself. */
  TokenHistory fork() {
    if (sharedSize == 0) {
      // what is written behind the size of the fork is none of its business
      return new TokenHistory(own, ownSize);
    }
    TokenHistory fork = new TokenHistory(shared, sharedSize);
    fork.add(own, 0, ownSize);
    return fork;
  }
}
