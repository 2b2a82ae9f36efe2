package org.longform.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Ways to write some labels, as one tree of tokens: what they begin with in common is read once.
 */
public final class LabelTree {
  static final int NONE = -1;

  /** Tokens that lead from the prompt to here. */
  static final class Node {
    private final int token;
    private final int[] path;
    private final List<Node> children = new ArrayList<>();
    private int label = NONE;

    private Node(int token, int[] path) {
      this.token = token;
      this.path = path;
    }

    int token() {
      return token;
    }

    /** The tokens from the prompt on, this one included. */
    int[] path() {
      return path.clone();
    }

    List<Node> children() {
      return children;
    }

    /** The label that is written here; -1 if none is. */
    int label() {
      return label;
    }

    private Node child(int next) {
      for (Node child : children) {
        if (child.token == next) {
          return child;
        }
      }
      int[] longer = Arrays.copyOf(path, path.length + 1);
      longer[path.length] = next;
      Node child = new Node(next, longer);
      children.add(child);
      return child;
    }
  }

  private final Node root = new Node(NONE, new int[0]);
  private final int labels;

  /**
   * @param labels how many there are
   */
  public LabelTree(int labels) {
    this.labels = labels;
  }

  /**
   * Adds a way to write a label.
   *
   * @param tokens at least one
   * @return the label that is written so: this one, or one that was added before
   */
  public int add(int label, int[] tokens) {
    if (tokens.length == 0) {
      throw new IllegalArgumentException("label %d has no token".formatted(label));
    }
    Node node = root;
    for (int token : tokens) {
      node = node.child(token);
    }
    node.label = node.label == NONE ? label : node.label;
    return node.label;
  }

  /** Number of labels. */
  public int labels() {
    return labels;
  }

  Node root() {
    return root;
  }
}
