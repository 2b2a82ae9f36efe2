package org.longform.kernels.device.nd4j;

import java.util.Arrays;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.PositionEncoding;

/**
 * The logits of a part's queries against a tile of keys. Each row's visible columns are a range; a
 * tree masks some more among the new tokens.
 */
final class ScoreTile {
  private final KeyTile keys;
  private final QueryPart part;
  private final Scratch scratch;
  private final float[] logits;
  private int row;
  private int from;
  private int to;

  private ScoreTile(KeyTile keys, Scratch scratch) {
    this.keys = keys;
    this.part = keys.part();
    this.scratch = scratch;
    this.logits = scratch.wide(keys.size());
  }

  /** Multiplies the packed queries of the scratch with the keys of the tile. */
  static ScoreTile of(KeyTile keys, Scratch scratch) {
    QueryPart part = keys.part();
    scratch.scores.reserve(part.rows() * keys.size());
    Blas.timesTransposed(
        scratch.queries.pointer(),
        scratch.keys.pointer(),
        scratch.scores.pointer(),
        part.rows(),
        keys.size(),
        part.request().cache().headDim(),
        (float) (part.request().scale() * part.segment().logitScale()));
    return new ScoreTile(keys, scratch);
  }

  /** The logits of the current row, between {@link #from} and {@link #to}. */
  float[] logits() {
    return logits;
  }

  int from() {
    return from;
  }

  int to() {
    return to;
  }

  /** Moves to a row of the part; answers whether it may see a column of the tile. */
  boolean load(int row) {
    this.row = row;
    long query = part.queryRow(row);
    from = keys.columnOf(part.lowestKey(query));
    to = keys.columnOf(part.highestKey(query));
    if (from >= to) {
      from = 0;
      to = 0;
      return false;
    }
    scratch.scores.read(row * keys.size() + from, logits, from, to - from);
    if (part.request().encoding() instanceof PositionEncoding.Alibi alibi) {
      addBias(alibi);
    }
    if (part.request().softCap() > 0) {
      for (int i = from; i < to; i++) {
        logits[i] = (float) part.request().capped(logits[i]);
      }
    }
    if (maskTree(Float.NEGATIVE_INFINITY)) {
      return true;
    }
    from = 0;
    to = 0;
    return false;
  }

  /** After the exponentials: what may not be seen weighs nothing. */
  void zeroMasked() {
    maskTree(0f);
  }

  /** Puts the current row back, with zeros where the query sees nothing. */
  void store() {
    Arrays.fill(logits, 0, from, 0f);
    Arrays.fill(logits, to, keys.size(), 0f);
    scratch.scores.write(row * keys.size(), logits, keys.size());
  }

  private void addBias(PositionEncoding.Alibi alibi) {
    double slope =
        alibi.slopes()[part.head(row)] * part.segment().logitScale() * part.positionScale();
    double query = part.segment().queryPositions().at(part.queryRow(row));
    for (int i = from; i < to; i++) {
      logits[i] -= (float) (slope * (query - keys.position(i)));
    }
  }

  /** Sets the columns that a tree hides; answers whether one is left. */
  private boolean maskTree(float hidden) {
    if (!(part.segment().band() instanceof Band.Tree tree) || part.tokens() == 1) {
      return true;
    }
    int firstNew = keys.columnOf(tree.firstNew());
    boolean any = firstNew > from;
    for (int i = Math.max(from, firstNew); i < to; i++) {
      if (tree.allows(part.queryRow(row), keys.row(i))) {
        any = true;
      } else {
        logits[i] = hidden;
      }
    }
    return any;
  }
}
