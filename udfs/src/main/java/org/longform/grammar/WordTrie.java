package org.longform.grammar;

import java.util.ArrayList;
import java.util.List;

/** Some words as a tree of their bytes. Node 0 is the beginning. */
final class WordTrie {
  private static final int NONE = -1;

  private static final class Node {
    private final List<Integer> bytes = new ArrayList<>();
    private final List<Integer> children = new ArrayList<>();
    private int word = NONE;
    // bytes and more that are left to the end of the cheapest word, and the byte that leads there
    private long cost = Long.MAX_VALUE;
    private int cheapest;
  }

  private final List<Node> nodes = new ArrayList<>();

  /**
   * @param words all different, none empty
   * @param costs for each word what comes on top of its bytes when a text is closed with it
   */
  WordTrie(List<byte[]> words, long[] costs) {
    nodes.add(new Node());
    for (int word = 0; word < words.size(); word++) {
      add(words.get(word), word);
    }
    // a child always has a higher number than its parent
    for (int node = nodes.size() - 1; node >= 0; node--) {
      Node each = nodes.get(node);
      if (each.word != NONE) {
        each.cost = costs[each.word];
      }
      for (int i = 0; i < each.children.size(); i++) {
        long cost = 1 + nodes.get(each.children.get(i)).cost;
        if (cost < each.cost) {
          each.cost = cost;
          each.cheapest = each.bytes.get(i);
        }
      }
    }
  }

  WordTrie(List<byte[]> words) {
    this(words, new long[words.size()]);
  }

  private void add(byte[] word, int number) {
    int at = 0;
    for (byte next : word) {
      int child = child(at, next & 0xFF);
      if (child == NONE) {
        child = nodes.size();
        nodes.add(new Node());
        nodes.get(at).bytes.add(next & 0xFF);
        nodes.get(at).children.add(child);
      }
      at = child;
    }
    nodes.get(at).word = number;
  }

  /** The node behind one more byte; -1 if there is none. */
  int child(int node, int next) {
    int index = nodes.get(node).bytes.indexOf(next);
    return index < 0 ? NONE : nodes.get(node).children.get(index);
  }

  /** The word that ends at a node; -1 if none does. */
  int word(int node) {
    return nodes.get(node).word;
  }

  boolean isLeaf(int node) {
    return nodes.get(node).children.isEmpty();
  }

  /** The next byte on the cheapest way to the end of a word. */
  int cheapest(int node) {
    return nodes.get(node).cheapest;
  }

  /** What the cheapest way from here costs. */
  long cost(int node) {
    return nodes.get(node).cost;
  }

  /** What the cheapest way costs from the node where that is most. */
  long largestCost() {
    return nodes.stream().mapToLong(node -> node.cost).max().orElse(0);
  }
}
