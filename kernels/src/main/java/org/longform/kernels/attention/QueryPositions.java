package org.longform.kernels.attention;

import org.longform.kernels.cache.Rows;

/** Positions at which the queries of a segment are rotated; {@code row} is the token's index. */
public sealed interface QueryPositions {
  double at(long row);

  /** The place of the token in the document. */
  record True() implements QueryPositions {
    @Override
    public double at(long row) {
      return row;
    }
  }

  /** One position for all, for example a distance ceiling over keys at position 0. */
  record Constant(double position) implements QueryPositions {
    @Override
    public double at(long row) {
      return position;
    }
  }

  /** A position of its own for each query: {@code positions[row - firstRow]}. */
  record Listed(long firstRow, double[] positions) implements QueryPositions {
    @Override
    public double at(long row) {
      return positions[Math.toIntExact(row - firstRow)];
    }

    boolean covers(long from, long to) {
      return from >= to || (from >= firstRow && to - firstRow <= positions.length);
    }
  }

  /**
   * Behind the rows of a list, of which the block's own are the last: the newest token stands at
   * their number less one.
   *
   * @param end one past the newest token
   */
  record Packed(Rows rows, long end) implements QueryPositions {
    @Override
    public double at(long row) {
      return row + offset();
    }

    /** From a token's true place to its own. */
    public double offset() {
      return rows.count(0) - end;
    }
  }

  /** The true place moved by {@code offset}. */
  record Shifted(double offset) implements QueryPositions {
    @Override
    public double at(long row) {
      return row + offset;
    }
  }
}
