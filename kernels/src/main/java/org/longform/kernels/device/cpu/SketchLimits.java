package org.longform.kernels.device.cpu;

import org.longform.kernels.device.TopKeysRequest;

/**
 * Which searches are worth sketches of pages.
 *
 * @param mostQueries of one key head: beyond them every key is needed by some query, and products
 *     cost more than reading
 * @param mostAnswers of each query
 * @param leastCandidates fewer are faster read than sketched
 */
record SketchLimits(int mostQueries, int mostAnswers, long leastCandidates) {
  static final SketchLimits OF_PROCESSOR = new SketchLimits(8, Integer.MAX_VALUE, 2048);

  /**
   * A card keeps up to four answers while it scores (kSlots), and reads so few keys in the time
   * that the steps of a search with sketches take to begin.
   */
  static final SketchLimits OF_CARD = new SketchLimits(8, 4, 16384);

  /** Whether bounds of the plain products can spare keys: few queries ask, and many keys answer. */
  boolean allow(TopKeysRequest request) {
    TopKeysRequest.Scoring scoring = request.scoring();
    int sharers = (request.heads() + request.cache().kvHeads() - 1) / request.cache().kvHeads();
    return scoring.keyNorm() == TopKeysRequest.KeyNorm.NONE
        && scoring.blockRows() == 1
        && (long) sharers * request.queryCount() <= mostQueries
        && request.answers() <= mostAnswers
        && request.to() - request.from() >= leastCandidates;
  }
}
