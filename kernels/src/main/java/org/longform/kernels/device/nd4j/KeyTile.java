package org.longform.kernels.device.nd4j;

import java.util.Arrays;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;

/**
 * Keys and values of up to {@code capacity} rows of a segment's list, gathered side by side and
 * rotated. Only rows that some query of the part may see are gathered at all.
 */
final class KeyTile {
  private final QueryPart part;
  private final Scratch scratch;
  private final RotaryTables tables;
  private final int capacity;
  private final int headDim;
  private final long[] rows;
  private final double[] positions;
  private int size;

  /** Receives a full tile. */
  interface Visitor {
    void visit(KeyTile tile);
  }

  private KeyTile(QueryPart part, Scratch scratch, RotaryTables tables, int capacity) {
    this.part = part;
    this.scratch = scratch;
    this.tables = tables;
    this.capacity = capacity;
    this.headDim = part.request().cache().headDim();
    this.rows = new long[capacity];
    this.positions = new double[capacity];
  }

  /** Cuts the rows of a part into tiles, one after the other in the same memory. */
  static void each(
      QueryPart part, Scratch scratch, RotaryTables tables, int capacity, Visitor visitor) {
    Rows list = part.segment().rows();
    int group = part.firstHead() * list.groups() / part.request().heads();
    long lowest = part.lowestKey();
    long highest = part.highestKey();
    long most = 0;
    for (int i = 0; i < list.ranges(group); i++) {
      most +=
          Math.max(
              0, Math.min(list.end(group, i), highest) - Math.max(list.start(group, i), lowest));
    }
    if (most == 0) {
      return;
    }
    KeyTile tile = new KeyTile(part, scratch, tables, (int) Math.min(capacity, most));
    long before = 0;
    for (int i = 0; i < list.ranges(group); i++) {
      long start = list.start(group, i);
      long end = list.end(group, i);
      long to = Math.min(end, highest);
      for (long row = Math.max(start, lowest); row < to; ) {
        row += tile.take(row, to, before + row - start);
        if (tile.size == tile.capacity) {
          tile.pass(visitor);
        }
      }
      before += end - start;
    }
    tile.pass(visitor);
  }

  /** Gathers rows from {@code row} on that lie side by side; answers how many were dealt with. */
  private int take(long row, long to, long index) {
    KvView cache = part.request().cache();
    int run = Math.min(cache.contiguous(row, to), capacity - size);
    if (part.tokens() == 1 && part.segment().band() instanceof Band.Tree tree) {
      // with one query a row is either seen or not gathered
      run = 1;
      if (!tree.allows(part.queryRow(0), row)) {
        return run;
      }
    }
    float[] keys = scratch.wide(capacity * headDim);
    float[] values = scratch.narrow(capacity * headDim);
    int at = size * headDim;
    cache.readKeys(part.kvHead(), row, run, keys, at);
    cache.readValues(part.kvHead(), row, run, values, at);
    for (int i = 0; i < run; i++) {
      rows[size + i] = row + i;
      positions[size + i] = part.segment().keyPositions().at(row + i, index + i);
    }
    size += run;
    return run;
  }

  private void pass(Visitor visitor) {
    if (size == 0) {
      return;
    }
    float[] keys = scratch.wide(capacity * headDim);
    if (part.request().encoding() instanceof PositionEncoding.Rope rope) {
      tables.table(rope, part.positionScale()).rotate(keys, size, headDim, positions);
    }
    scratch.keys.reserve(capacity * headDim).write(0, keys, size * headDim);
    scratch
        .values
        .reserve(capacity * headDim)
        .write(0, scratch.narrow(capacity * headDim), size * headDim);
    visitor.visit(this);
    size = 0;
  }

  QueryPart part() {
    return part;
  }

  int size() {
    return size;
  }

  long row(int column) {
    return rows[column];
  }

  double position(int column) {
    return positions[column];
  }

  /** First column whose row is not before {@code row}. */
  int columnOf(long row) {
    int at = Arrays.binarySearch(rows, 0, size, row);
    return at >= 0 ? at : -at - 1;
  }
}
