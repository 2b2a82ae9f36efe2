package org.longform.kernels.cache;

/** Which tokens stand in the rows at the beginning of a cache, after they were moved together. */
final class GatheredTokens {
  static final GatheredTokens NONE = new GatheredTokens(0, 0, null, new long[0][]);

  private final int count;
  private final long length;
  private final KvShape shape;
  // for each layer and head the tokens of its rows; the same array where they are the same
  private final long[][] tokens;

  private GatheredTokens(int count, long length, KvShape shape, long[][] tokens) {
    this.count = count;
    this.length = length;
    this.shape = shape;
    this.tokens = tokens;
  }

  /** Whether any row holds another token than that of its own number. */
  boolean any() {
    return count > 0;
  }

  /** Tokens that were read when they were moved together; none of them can be taken back alone. */
  long length() {
    return length;
  }

  /** The token in a row of a layer and head. */
  long at(int layer, int kvHead, long row) {
    return row < count ? tokens[list(shape, layer, kvHead)][(int) row] : row;
  }

  private static int list(KvShape shape, int layer, int kvHead) {
    return (int) shape.headsBefore(layer) + kvHead;
  }

  /** After another gathering of rows that these tokens stand in. */
  GatheredTokens then(Gathering gathering, KvShape of, long lengthNow) {
    long[][] moved = new long[list(of, of.layers(), 0)][];
    boolean alike = !any() || allAlike();
    for (int layer = 0; layer < of.layers(); layer++) {
      Rows rows = gathering.rows(layer);
      for (int head = 0; head < of.kvHeads(layer); head++) {
        int at = list(of, layer, head);
        if (at > 0 && alike && gathering.layers().size() == 1 && rows.groups() == 1) {
          moved[at] = moved[0];
        } else {
          moved[at] = rows.toArray(rows.groups() == 1 ? 0 : head);
          for (int i = 0; i < moved[at].length; i++) {
            moved[at][i] = at(layer, head, moved[at][i]);
          }
        }
      }
    }
    return new GatheredTokens(Math.toIntExact(gathering.count()), lengthNow, of, moved);
  }

  private boolean allAlike() {
    for (long[] each : tokens) {
      if (each != tokens[0]) {
        return false;
      }
    }
    return true;
  }
}
