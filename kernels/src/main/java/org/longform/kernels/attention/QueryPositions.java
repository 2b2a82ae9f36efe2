package org.longform.kernels.attention;

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

  /** The true place moved by {@code offset}. */
  record Shifted(double offset) implements QueryPositions {
    @Override
    public double at(long row) {
      return row + offset;
    }
  }
}
