package org.longform.kernels.device;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Tensor;

/**
 * The k cached tokens with the largest q·k for each (query head, query) of a block. Keys are taken
 * un-rotated.
 *
 * @param queries (T, H*D) before rotation
 * @param cache keys
 * @param from first candidate token
 * @param to one past the last candidate token; all of them must be held
 * @param queryRange which rows of the block ask, by document index
 * @param k how many tokens for each
 * @param scoring what is compared
 */
public record TopKeysRequest(
    Tensor queries,
    KvView cache,
    long from,
    long to,
    QueryRange queryRange,
    int k,
    Scoring scoring) {

  /**
   * @param query how the query is turned before the product
   * @param pairing which key head a query head is compared with
   * @param keyNorm what a key's score is multiplied with
   * @param blockRows 1 for an exact top-k; n takes of every n consecutive candidates only the best
   *     as candidate (the published ReAttention kernel, n = 128)
   */
  public record Scoring(QueryTurn query, Pairing pairing, KeyNorm keyNorm, int blockRows) {
    /** Plain products in float32, correct head pairing, exact. */
    public static final Scoring EXACT = new Scoring(QueryTurn.NONE, Pairing.GROUP, KeyNorm.NONE, 1);
  }

  /** Rotation of the query by one position for all rows, or none. */
  public record QueryTurn(PositionEncoding encoding, double position) {
    public static final QueryTurn NONE = new QueryTurn(null, 0);

    public boolean turns() {
      return encoding instanceof PositionEncoding.Rope && position != 0;
    }
  }

  /** Which key/value head a query head is compared with. */
  public enum Pairing {
    /** floor(h / (H/G)), as in the attention itself. */
    GROUP,
    /** h mod G, as the published ReAttention code does in decoding. */
    MODULO
  }

  /** Factor on a key's score from the norm of its value. */
  public enum KeyNorm {
    NONE,
    VALUE_L1,
    VALUE_L2
  }

  /**
   * Checks the request against the cache.
   *
   * @throws LongformException INVALID_PLAN naming what is wrong
   */
  public void validate() {
    if (from < 0 || !cache.holds(from, to)) {
      throw invalid(
          "tokens %d to %d are asked for, the cache holds %s".formatted(from, to, cache.held()));
    }
    if (k < 0 || scoring.blockRows() < 1) {
      throw invalid(
          "%d tokens of blocks of %d rows are asked for".formatted(k, scoring.blockRows()));
    }
  }

  static LongformException invalid(String why) {
    return new LongformException(
        ErrorClass.INVALID_PLAN,
        "Cannot find the best keys: %s. This is a bug in the context strategy.".formatted(why));
  }

  /** Entries of each answer: k, or the number of candidates if that is smaller. */
  public int answers() {
    long candidates = (Math.max(0, to - from) + scoring.blockRows() - 1) / scoring.blockRows();
    return (int) Math.min(k, candidates);
  }

  /** H. */
  public int heads() {
    return Math.toIntExact(queries.shape().rowElements() / cache.headDim());
  }

  /** Document index of the first row of the block. */
  public long firstRow() {
    return cache.end() - queries.rows();
  }

  /** First row that asks, counted in the block. */
  public int firstQuery() {
    return (int) Math.max(0, queryRange.from() - firstRow());
  }

  /** Number of rows that ask. */
  public int queryCount() {
    long last = Math.min(queries.rows(), Math.max(0, queryRange.to() - firstRow()));
    return (int) Math.max(0, last - firstQuery());
  }
}
