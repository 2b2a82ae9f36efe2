package org.longform.kernels.attention;

/**
 * Which of a segment's keys a query may see, by the true distance {@code queryRow - keyRow}. No
 * band lets a query see a later token.
 */
public sealed interface Band {
  boolean allows(long queryRow, long keyRow);

  /** Every token up to the query itself. */
  record Causal() implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return keyRow <= queryRow;
    }
  }

  /** Distances 0 to {@code width - 1}. */
  record Near(long width) implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return keyRow <= queryRow && queryRow - keyRow < width;
    }
  }

  /** Distances from {@code width} on. */
  record Far(long width) implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return queryRow - keyRow >= width;
    }
  }

  /**
   * Tokens before {@code firstNew} are all seen; among the new ones {@code allowed[q][k]} decides
   * (tree decoding, where several drafts stand side by side). The row indices are those of the
   * block, so that "later" has no meaning inside it.
   */
  record Tree(long firstNew, boolean[][] allowed) implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return keyRow < firstNew
          || allowed[Math.toIntExact(queryRow - firstNew)][Math.toIntExact(keyRow - firstNew)];
    }
  }
}
