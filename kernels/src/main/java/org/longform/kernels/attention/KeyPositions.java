package org.longform.kernels.attention;

/**
 * Positions at which the keys of a segment are rotated. {@code row} is the token's index in the
 * document, {@code index} its place in the segment's list.
 */
public sealed interface KeyPositions {
  /** Position of one key. */
  double at(long row, long index);

  /** The place of the token in the document. */
  record True() implements KeyPositions {
    @Override
    public double at(long row, long index) {
      return row;
    }
  }

  /** {@code first, first + 1, …} in the order of the list (packed positions). */
  record Contiguous(long first) implements KeyPositions {
    @Override
    public double at(long row, long index) {
      return first + index;
    }
  }

  /** One position for all. */
  record Constant(double position) implements KeyPositions {
    @Override
    public double at(long row, long index) {
      return position;
    }
  }

  /**
   * A position of its own for each token, {@code positions[row - firstRow]}: tokens of several
   * places side by side, whose positions have gaps or overlap (HOMER).
   */
  record Listed(long firstRow, double[] positions) implements KeyPositions {
    @Override
    public double at(long row, long index) {
      return positions[Math.toIntExact(row - firstRow)];
    }

    boolean covers(long from, long to) {
      return from >= firstRow && to - firstRow <= positions.length;
    }
  }

  /** {@code first + floor((row - anchor) / stride)}: neighbours share a position. */
  record Strided(long anchor, long first, long stride) implements KeyPositions {
    public Strided {
      if (stride < 1) {
        throw new IllegalArgumentException(
            "Cannot stride positions by %d: it must be positive.".formatted(stride));
      }
    }

    @Override
    public double at(long row, long index) {
      return first + Math.floorDiv(row - anchor, stride);
    }
  }
}
