package org.longform.kernels.device;

import org.longform.kernels.error.LongformException;

/**
 * The tokens that the heads and queries of a block vote for: each votes for its best keys.
 *
 * @param keys what each of them votes for
 * @param order which tokens come first
 * @param limit most tokens that are wanted, {@link Long#MAX_VALUE} for all
 */
public record VotesRequest(TopKeysRequest keys, Order order, long limit) {

  /** Which voted tokens come first. */
  public enum Order {
    /** Most votes first; of equals the earlier token. */
    VOTES,
    /** The best of each voter first, then the second of each. */
    RANK
  }

  /**
   * Checks the request against the cache.
   *
   * @throws LongformException INVALID_PLAN naming what is wrong
   */
  public void validate() {
    keys.validate();
    if (limit < 0) {
      throw TopKeysRequest.invalid("%d voted tokens are asked for".formatted(limit));
    }
  }
}
