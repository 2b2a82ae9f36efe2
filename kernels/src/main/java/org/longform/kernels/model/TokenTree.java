package org.longform.kernels.model;

import java.util.Arrays;
import java.util.OptionalInt;

/**
 * Tokens that may follow what a session has read. Row 0 is the token that does follow; every other
 * row is a guess that continues an earlier one, so that guesses share their beginnings. A row of
 * depth d stands d places behind row 0, whatever its number.
 */
public final class TokenTree {
  private static final int NONE = -1;

  private final int[] tokens;
  private final int[] parents;
  private final int[] depths;

  private TokenTree(int[] tokens, int[] parents, int[] depths) {
    this.tokens = tokens;
    this.parents = parents;
    this.depths = depths;
  }

  /** One token without guesses. */
  public static TokenTree of(int token) {
    return new TokenTree(new int[] {token}, new int[] {NONE}, new int[] {0});
  }

  /** One token, and one continuation of it. */
  public static TokenTree chain(int token, int... guesses) {
    Builder builder = builder(token);
    int row = 0;
    for (int guess : guesses) {
      row = builder.add(row, guess);
    }
    return builder.build();
  }

  public static Builder builder(int token) {
    return new Builder(token);
  }

  /** Number of rows. */
  public int size() {
    return tokens.length;
  }

  public int token(int row) {
    return tokens[row];
  }

  /** The row that a guess continues; -1 for row 0. */
  public int parent(int row) {
    return parents[row];
  }

  /** How many places a row stands behind row 0. */
  public int depth(int row) {
    return depths[row];
  }

  /** The rows that lead from row 0 to this one, both included. */
  public int[] path(int row) {
    int[] path = new int[depths[row] + 1];
    for (int i = depths[row], at = row; i >= 0; i--) {
      path[i] = at;
      at = parents[at];
    }
    return path;
  }

  /** The first row that continues {@code row} with this token. */
  public OptionalInt child(int row, int token) {
    for (int i = row + 1; i < tokens.length; i++) {
      if (parents[i] == row && tokens[i] == token) {
        return OptionalInt.of(i);
      }
    }
    return OptionalInt.empty();
  }

  int[] tokens(int from, int count) {
    return Arrays.copyOfRange(tokens, from, from + count);
  }

  @Override
  public String toString() {
    return "TokenTree" + Arrays.toString(tokens) + " after " + Arrays.toString(parents);
  }

  /** Collects the rows of a tree, each after the one it continues. */
  public static final class Builder {
    private int[] tokens = new int[8];
    private int[] parents = new int[8];
    private int[] depths = new int[8];
    private int size;

    private Builder(int token) {
      append(token, NONE, 0);
    }

    /** Number of rows so far. */
    public int size() {
      return size;
    }

    /** Adds a row of its own; its number. */
    public int add(int parent, int token) {
      if (parent < 0 || parent >= size) {
        throw new IllegalArgumentException(
            "Cannot continue row %d of a tree: it has %d rows.".formatted(parent, size));
      }
      return append(token, parent, depths[parent] + 1);
    }

    /** The row that continues {@code parent} with this token, added if there is none yet. */
    public int follow(int parent, int token) {
      for (int i = parent + 1; i < size; i++) {
        if (parents[i] == parent && tokens[i] == token) {
          return i;
        }
      }
      return add(parent, token);
    }

    private int append(int token, int parent, int depth) {
      if (size == tokens.length) {
        tokens = Arrays.copyOf(tokens, 2 * size);
        parents = Arrays.copyOf(parents, 2 * size);
        depths = Arrays.copyOf(depths, 2 * size);
      }
      tokens[size] = token;
      parents[size] = parent;
      depths[size] = depth;
      return size++;
    }

    public TokenTree build() {
      return new TokenTree(
          Arrays.copyOf(tokens, size), Arrays.copyOf(parents, size), Arrays.copyOf(depths, size));
    }
  }
}
