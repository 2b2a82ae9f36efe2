package org.longform.kernels.model;

import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.longform.kernels.attention.ProbabilityTap;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Tensor;

/**
 * What one session brings to a {@link ForwardPass}, with its rows of the cache reserved, and what
 * came of it. A failure of one block leaves the others of its pass alone.
 */
final class PassBlock {
  private final int[] ids;
  private final int first;
  private final int needed;
  private final List<Branch> branches;
  private final ContextStrategy strategy;
  private final KvCache cache;
  private final BooleanSupplier cancelled;
  private final BlockHooks hooks;
  private final AttendedTokens attended;
  private Optional<ProbabilityTap> probabilities = Optional.empty();
  private float[] exported;
  private Tensor hidden;
  private float[] last;
  private Throwable failure;

  /**
   * @param ids the tokens, inside the vocabulary
   * @param first which of the reserved rows of the cache is that of the first token
   * @param needed how many of the last rows the caller wants, at least 1
   * @param branches all rows, one branch after the other
   * @param cache with a row reserved for each token
   * @param hooks where rows are exported after the last layer, all must be needed
   */
  PassBlock(
      int[] ids,
      int first,
      int needed,
      List<Branch> branches,
      ContextStrategy strategy,
      KvCache cache,
      BooleanSupplier cancelled,
      BlockHooks hooks) {
    this.ids = ids;
    this.first = first;
    this.needed = needed;
    this.branches = List.copyOf(branches);
    this.strategy = strategy;
    this.cache = cache;
    this.cancelled = cancelled;
    this.hooks = hooks;
    this.attended = new AttendedTokens(branches.size(), branches.size() * cache.shape().layers());
  }

  int[] ids() {
    return ids;
  }

  int tokens() {
    return ids.length;
  }

  int first() {
    return first;
  }

  /** Index in the document of the first token, if all rows before it stay. */
  long firstRow() {
    return cache.length() + first;
  }

  int needed() {
    return needed;
  }

  List<Branch> branches() {
    return branches;
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

  BlockHooks hooks() {
    return hooks;
  }

  /** Keeps (T, M) rows for whoever wants them. */
  void export(Tensor rows) {
    exported = rows.toArray();
  }

  /** (T, M), if the hooks export. */
  float[] exported() {
    return exported;
  }

  void pollCancelled() {
    requireGoingOn(cancelled, cache.length());
  }

  static void requireGoingOn(BooleanSupplier cancelled, long tokensRead) {
    if (cancelled.getAsBoolean()) {
      throw new LongformException(
          ErrorClass.CANCELLED,
          "Cannot go on reading after %d tokens: the caller cancelled it. Read again if it is still wanted."
              .formatted(tokensRead));
    }
  }

  /** Counts what the plans of its branches select. */
  AttendedTokens attendedTokens() {
    return attended;
  }

  /** Cached tokens that the plan of the layer that selects most selects, summed over branches. */
  long attended() {
    return attended.sum();
  }

  /**
   * The block was read.
   *
   * @param rows (needed, M) residual stream of its last rows
   */
  void read(Tensor rows) {
    hidden = rows;
    last = rows.rows(rows.rows() - 1, 1).toArray();
    attended.settle();
  }

  /** The block is lost; of several failures the first counts. */
  void fail(Throwable e) {
    attended.close();
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
