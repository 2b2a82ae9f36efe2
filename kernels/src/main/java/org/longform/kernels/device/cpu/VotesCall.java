package org.longform.kernels.device.cpu;

import java.util.Optional;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.device.VotesRequest;
import org.longform.kernels.tensor.Memory;

/** Writes a {@link VotesRequest} as a {@code kernels_votes_request} and reads the answer. */
final class VotesCall {
  private static final int WORDS = 5;

  private VotesCall() {}

  /** Most tokens that can be voted for: no more than votes, and than there are. */
  static long most(VotesRequest request) {
    TopKeysRequest keys = request.keys();
    long votes = (long) keys.heads() * keys.queryCount() * keys.answers();
    return Math.min(request.limit(), Math.min(votes, keys.to() - keys.from()));
  }

  /**
   * Writes a request and all it refers to; answers where it lies.
   *
   * @param best of the request's keys
   * @param tokens where the tokens are to lie, and {@code count} their number; 0 if they are not
   *     written
   */
  static long write(
      VotesRequest request, TopKeysCall best, CallBuffer buffer, long tokens, long count) {
    long list = best.write(buffer, 0, 0, 0);
    long call = buffer.address();
    buffer
        .put(list)
        .put((long) request.order().ordinal())
        .put(most(request))
        .put(tokens)
        .put(count);
    return call;
  }

  /** What {@link #write} needs of a buffer. */
  static long bytes(TopKeysCall best) {
    return best.bytes() + (long) WORDS * Long.BYTES;
  }

  /**
   * Asks a card.
   *
   * @param memory of the card
   * @return empty if the card does not count these votes
   */
  static Optional<long[]> run(VotesRequest request, long card, CardMemory memory) {
    request.validate();
    TopKeysRequest keys = request.keys();
    long most = most(request);
    if (most <= 0) {
      return Optional.of(new long[0]);
    }
    CallBuffer buffer = CallBuffer.borrow();
    try (Memory answer = Memory.allocate(Math.multiplyExact(most + 1, Long.BYTES));
        TopKeysCall best = new TopKeysCall(keys, card, memory, memory, SketchLimits.OF_CARD)) {
      buffer.reserve(bytes(best));
      long call = write(request, best, buffer, answer.address(Long.BYTES), answer.address(0));
      int status = CpuNative.votes(card, call);
      if (status == CpuNative.UNSUPPORTED) {
        return Optional.empty();
      }
      CpuHandle.check("votes", status);
      long[] tokens = new long[Math.toIntExact(answer.getLong(0))];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = answer.getLong((i + 1L) * Long.BYTES);
      }
      return Optional.of(tokens);
    } finally {
      buffer.giveBack();
    }
  }
}
