package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongFunction;
import org.longform.kernels.attention.ColumnMass;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.device.AttendTaps;

/**
 * A tree of tokens on its way through the layers: a session has a row reserved for each of its
 * tokens. It may be read in several parts, one after the other; then the session takes the rows
 * that are right, and forgets the others.
 */
final class TreePass {
  /** Attention that a row paid, until it is known whether the row stays. */
  private static final class HeldMass implements ColumnMass {
    private long[] rows = new long[64];
    private float[] masses = new float[64];
    private int size;

    @Override
    public void add(long row, float mass) {
      if (size == rows.length) {
        rows = Arrays.copyOf(rows, 2 * size);
        masses = Arrays.copyOf(masses, 2 * size);
      }
      rows[size] = row;
      masses[size++] = mass;
    }

    void tell(AttendTaps target) {
      for (int i = 0; i < size; i++) {
        target.mass(rows[i], masses[i]);
      }
    }
  }

  /** Makes the block of some rows. */
  interface BlockMaker {
    PassBlock block(int[] ids, int first, List<Branch> branches);
  }

  private final TokenTree tree;
  private final AttendTaps taps;
  private final LongFunction<List<PositionEncoding>> encodings;
  private final BlockMaker maker;
  private final HeldMass[] masses;
  private final float[][] hidden;
  private final float[][] logits;
  private final List<Integer> accepted = new ArrayList<>();
  private PassBlock part;
  private int given;
  private int read;
  private long attended;

  /**
   * @param taps who watches the rows that stay
   * @param encodings the model's positions in each layer for a text that ends so many places behind
   *     row 0
   */
  TreePass(
      TokenTree tree,
      AttendTaps taps,
      LongFunction<List<PositionEncoding>> encodings,
      BlockMaker maker) {
    this.tree = tree;
    this.taps = taps;
    this.encodings = encodings;
    this.maker = maker;
    this.masses = new HeldMass[tree.size()];
    this.hidden = new float[tree.size()][];
    this.logits = new float[tree.size()][];
  }

  TokenTree tree() {
    return tree;
  }

  /** Rows that no part has yet. */
  int rowsLeft() {
    return tree.size() - given;
  }

  /** The next rows as a block; the one before must have been read. */
  PassBlock next(int rows) {
    List<Branch> branches = new ArrayList<>();
    for (int i = 0; i < rows; i++) {
      int row = given + i;
      List<PositionEncoding> layers = encodings.apply(tree.depth(row));
      branches.add(new Branch(i, 1, tree.path(row), layers, tapsOf(row)));
    }
    part = maker.block(tree.tokens(given, rows), given, branches);
    given += rows;
    return part;
  }

  // what a single token pays is told at once: it stays
  private AttendTaps tapsOf(int row) {
    if (tree.size() == 1 || !taps.wantsMass()) {
      return taps;
    }
    masses[row] = new HeldMass();
    return taps.withColumnMass(masses[row]);
  }

  /** The rows that were begun last. */
  PassBlock part() {
    return part;
  }

  boolean failed() {
    return part != null && part.failed();
  }

  /** Takes what came of the part. */
  void answer(List<float[]> scores) {
    if (part.failed()) {
      return;
    }
    for (int i = 0; i < scores.size(); i++) {
      hidden[read] = part.hidden().rows(i, 1).toArray();
      logits[read] = scores.get(i);
      read++;
    }
    attended += part.attended();
  }

  /** Throws what made a part fail, if it did. */
  void requireRead() {
    part.requireRead();
    if (read < tree.size()) {
      throw new IllegalStateException("a tree was not read to its end");
    }
  }

  float[] logits(int row) {
    return logits[row];
  }

  float[] hidden(int row) {
    return hidden[row];
  }

  long attended() {
    return attended;
  }

  /** The row follows those accepted so far. */
  void accept(int row) {
    int before = accepted.isEmpty() ? -1 : accepted.get(accepted.size() - 1);
    if (row < 0 || row >= tree.size() || tree.parent(row) != before) {
      throw new IllegalArgumentException(
          "Cannot accept row %d of %s: it does not continue row %d.".formatted(row, tree, before));
    }
    accepted.add(row);
    if (masses[row] != null) {
      masses[row].tell(taps);
      masses[row] = null;
    }
  }

  /** In order, row 0 first. */
  int[] accepted() {
    return accepted.stream().mapToInt(row -> row).toArray();
  }
}
