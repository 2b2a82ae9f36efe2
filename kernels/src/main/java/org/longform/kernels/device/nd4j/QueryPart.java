package org.longform.kernels.device.nd4j;

import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.device.AttendRequest;

/**
 * Some query heads of one key/value head and some rows of the block, which meet one segment with
 * one list of rows. Row {@code r} of the part is head {@code firstHead + r / tokens()} and token
 * {@code from + r % tokens()} of the block.
 *
 * @param segmentIndex in the plan
 * @param from first row of the block
 * @param to one past the last
 */
record QueryPart(
    AttendRequest request,
    int segmentIndex,
    int kvHead,
    int firstHead,
    int heads,
    int from,
    int to) {

  Segment segment() {
    return request.plan().segments().get(segmentIndex);
  }

  int tokens() {
    return to - from;
  }

  int rows() {
    return heads * tokens();
  }

  int head(int row) {
    return firstHead + row / tokens();
  }

  int token(int row) {
    return from + row % tokens();
  }

  /** Document index of the query of a row of the part. */
  long queryRow(int row) {
    return request.firstRow() + token(row);
  }

  /** First document row that any query of the part may see. */
  long lowestKey() {
    return lowestKey(request.firstRow() + from);
  }

  /** One past the last document row that any query of the part may see. */
  long highestKey() {
    return highestKey(request.firstRow() + to - 1);
  }

  /** First row that a query may see, before a tree's own mask. */
  long lowestKey(long queryRow) {
    if (segment().band() instanceof Band.Between between) {
      return queryRow - between.to() + 1;
    }
    return segment().band() instanceof Band.Near near ? queryRow - near.width() + 1 : 0;
  }

  /** One past the last row that a query may see, before a tree's own mask. */
  long highestKey(long queryRow) {
    if (segment().band() instanceof Band.Far far) {
      return queryRow - far.width() + 1;
    }
    if (segment().band() instanceof Band.Between between) {
      return queryRow - between.from() + 1;
    }
    return segment().band() instanceof Band.Tree ? Long.MAX_VALUE : queryRow + 1;
  }

  /** The heads' queries, rotated, packed as rows of headDim floats. */
  float[] pack(Scratch scratch, RotaryTables tables) {
    int headDim = request.cache().headDim();
    float[] packed = scratch.wide(rows() * headDim);
    double[] positions = new double[rows()];
    long width = (long) request.heads() * headDim;
    for (int row = 0; row < rows(); row++) {
      long at = token(row) * width + (long) head(row) * headDim;
      request.queries().read(at, packed, row * headDim, headDim);
      scale(packed, row * headDim, headDim, (float) request.plan().gain().at(queryRow(row)));
      positions[row] = segment().queryPositions().at(queryRow(row));
    }
    if (request.encoding() instanceof PositionEncoding.Rope rope) {
      tables.table(rope, positionScale()).rotate(packed, rows(), headDim, positions);
    }
    return packed;
  }

  private static void scale(float[] values, int from, int count, float factor) {
    if (factor != 1) {
      for (int i = from; i < from + count; i++) {
        values[i] *= factor;
      }
    }
  }

  /** One factor for the whole part: a segment that scales heads is met by one head at a time. */
  double positionScale() {
    return segment().headScales().at(firstHead);
  }
}
