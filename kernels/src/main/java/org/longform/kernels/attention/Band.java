package org.longform.kernels.attention;

import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Which of a segment's keys a query may see, by the true distance {@code queryRow - keyRow}. No
 * band lets a query see a later token.
 */
public sealed interface Band {
  boolean allows(long queryRow, long keyRow);

  /** What of it is at distances below {@code window}; empty if nothing is. */
  Optional<Band> within(long window);

  /** Every token up to the query itself. */
  record Causal() implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return keyRow <= queryRow;
    }

    @Override
    public Optional<Band> within(long window) {
      return Optional.of(new Near(window));
    }
  }

  /** Distances 0 to {@code width - 1}. */
  record Near(long width) implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return keyRow <= queryRow && queryRow - keyRow < width;
    }

    @Override
    public Optional<Band> within(long window) {
      return Optional.of(new Near(Math.min(width, window)));
    }
  }

  /** Distances from {@code width} on. */
  record Far(long width) implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return queryRow - keyRow >= width;
    }

    @Override
    public Optional<Band> within(long window) {
      return width < window ? Optional.of(new Between(width, window)) : Optional.empty();
    }
  }

  /** Distances {@code from} to {@code to - 1}. */
  record Between(long from, long to) implements Band {
    @Override
    public boolean allows(long queryRow, long keyRow) {
      return queryRow - keyRow >= from && queryRow - keyRow < to;
    }

    @Override
    public Optional<Band> within(long window) {
      return from < window
          ? Optional.of(new Between(from, Math.min(to, window)))
          : Optional.empty();
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

    @Override
    public Optional<Band> within(long window) {
      throw new LongformException(
          ErrorClass.INVALID_PLAN,
          "Cannot attend within a window of %d tokens: the rows of a tree have no distances. Plan each row alone."
              .formatted(window));
    }
  }
}
