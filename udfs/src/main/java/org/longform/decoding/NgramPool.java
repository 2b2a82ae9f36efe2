package org.longform.decoding;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Continuations that were seen after a token: for each first token the newest few. */
final class NgramPool {
  private final int capacity;
  private final Map<Integer, Deque<int[]>> byFirst = new HashMap<>();

  /**
   * @param capacity continuations of one token
   */
  NgramPool(int capacity) {
    this.capacity = capacity;
  }

  /** Adds a continuation, or makes it the newest one. */
  void add(int first, int[] continuation) {
    if (capacity == 0) {
      return;
    }
    Deque<int[]> known = byFirst.computeIfAbsent(first, token -> new ArrayDeque<>());
    known.removeIf(each -> Arrays.equals(each, continuation));
    known.addLast(continuation);
    if (known.size() > capacity) {
      known.removeFirst();
    }
  }

  /** From the oldest to the newest. */
  List<int[]> after(int first) {
    return List.copyOf(byFirst.getOrDefault(first, new ArrayDeque<>()));
  }
}
