package org.longform.kernels.model;

import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.ProbabilityTap;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.device.AttendTaps;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Tensor;

/**
 * What one session brings to a {@link ForwardPass}, with its rows of the cache reserved, and what
 * came of it. A failure of one block leaves the others of its pass alone.
 */
final class PassBlock {
  private final int[] ids;
  private final int needed;
  private final AttendTaps taps;
  private final ContextStrategy strategy;
  private final KvCache cache;
  private final PositionEncoding encoding;
  private final BooleanSupplier cancelled;
  private Optional<ProbabilityTap> probabilities = Optional.empty();
  private long attended;
  private Tensor hidden;
  private float[] last;
  private Throwable failure;

  /**
   * @param ids the tokens, inside the vocabulary
   * @param needed how many of the last rows the caller wants, at least 1
   * @param taps what every attention reports
   * @param cache with a row reserved for each token
   */
  PassBlock(
      int[] ids,
      int needed,
      AttendTaps taps,
      ContextStrategy strategy,
      KvCache cache,
      PositionEncoding encoding,
      BooleanSupplier cancelled) {
    this.ids = ids;
    this.needed = needed;
    this.taps = taps;
    this.strategy = strategy;
    this.cache = cache;
    this.encoding = encoding;
    this.cancelled = cancelled;
  }

  int[] ids() {
    return ids;
  }

  int tokens() {
    return ids.length;
  }

  int needed() {
    return needed;
  }

  AttendTaps taps() {
    return taps;
  }

  /** Asks for the probabilities of single queries, too. */
  PassBlock watched(Optional<ProbabilityTap> tap) {
    probabilities = tap;
    return this;
  }

  Optional<ProbabilityTap> probabilities() {
    return probabilities;
  }

  ContextStrategy strategy() {
    return strategy;
  }

  KvCache cache() {
    return cache;
  }

  PositionEncoding encoding() {
    return encoding;
  }

  void pollCancelled() {
    if (cancelled.getAsBoolean()) {
      throw new LongformException(
          ErrorClass.CANCELLED,
          "Cannot go on reading after %d tokens: the caller cancelled it. Read again if it is still wanted."
              .formatted(cache.length()));
    }
  }

  /** The plan of one layer selects so many cached tokens. */
  void attendsTo(long tokens) {
    attended = Math.max(attended, tokens);
  }

  /** Cached tokens that the plan of the layer that selects most selects. */
  long attended() {
    return attended;
  }

  /**
   * The block was read.
   *
   * @param rows (needed, M) residual stream of its last rows
   */
  void read(Tensor rows) {
    hidden = rows;
    last = rows.rows(rows.rows() - 1, 1).toArray();
  }

  /** The block is lost; of several failures the first counts. */
  void fail(Throwable e) {
    if (failure == null) {
      failure = e;
    }
  }

  boolean failed() {
    return failure != null;
  }

  /** Throws what made the block fail, if something did. */
  void requireUnfailed() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
  }

  /** Throws what made the block fail, if it did, or is not read. */
  void requireRead() {
    requireUnfailed();
    if (failure != null || last == null) {
      throw new IllegalStateException("a block was not read", failure);
    }
  }

  /** (needed, M) before the final norm; another pass of the same {@link ForwardPass} ends it. */
  Tensor hidden() {
    return hidden;
  }

  /** Its last row, to be kept. */
  float[] last() {
    return last;
  }
}
