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

  /** The true place moved by {@code offset}. */
  record Shifted(double offset) implements QueryPositions {
    @Override
    public double at(long row) {
      return row + offset;
    }
  }
}
