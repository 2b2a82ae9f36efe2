package org.longform.kernels.device;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * For each query head the largest q·k of some queries with each of some keys, unscaled.
 *
 * @param queries (Q, H, D) as they meet the keys: rotated by whoever asks
 * @param heads H
 * @param cache un-rotated keys
 * @param rows (H, N): which keys each head asks for, in any order
 * @param encoding how the keys are rotated
 * @param positions (N): where they are rotated, the same in all heads; empty for nowhere
 */
public record KeyScoresRequest(
    float[] queries,
    int heads,
    KvView cache,
    long[] rows,
    PositionEncoding encoding,
    double[] positions) {

  /** N. */
  public int keys() {
    return rows.length / heads;
  }

  /** Q. */
  public int queriesOfHead() {
    return queries.length / heads / cache.headDim();
  }

  /** Whether and how keys are rotated. */
  public boolean turnsKeys() {
    return positions.length > 0 && encoding instanceof PositionEncoding.Rope;
  }

  /**
   * Checks the request against the cache.
   *
   * @throws LongformException INVALID_PLAN naming what is wrong
   */
  public void validate() {
    if (heads < 1
        || heads % cache.kvHeads() != 0
        || rows.length % heads != 0
        || queries.length == 0
        || queries.length % (heads * cache.headDim()) != 0) {
      throw invalid(
          "%d query values and %d rows are not of %d heads that share %d key heads of %d values"
              .formatted(queries.length, rows.length, heads, cache.kvHeads(), cache.headDim()));
    }
    if (positions.length != 0 && positions.length != keys()) {
      throw invalid("%d positions are not those of %d keys".formatted(positions.length, keys()));
    }
    for (long row : rows) {
      if (row < 0 || !cache.holds(row, row + 1)) {
        throw invalid("token %d is asked for, the cache holds %s".formatted(row, cache.held()));
      }
    }
  }

  private static LongformException invalid(String why) {
    return new LongformException(
        ErrorClass.INVALID_PLAN,
        "Cannot score keys: %s. This is a bug in the context strategy.".formatted(why));
  }
}
