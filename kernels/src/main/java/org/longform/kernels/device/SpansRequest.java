package org.longform.kernels.device;

/**
 * The tokens around those that the heads and queries of a block vote for.
 *
 * @param keys what each of them votes for
 * @param order which voted tokens are served first
 * @param spans what is made of them
 */
public record SpansRequest(TopKeysRequest keys, VotesRequest.Order order, SpanSelection spans) {

  /** The voted tokens that may get a span. */
  public VotesRequest votes() {
    return new VotesRequest(keys, order, spans.limit());
  }
}
