package org.longform.kernels.device.cpu;

import java.util.Optional;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.device.VotesRequest;
import org.longform.kernels.tensor.Memory;

/** Writes a {@link VotesRequest} as a {@code kernels_votes_request} and reads the answer. */
final class VotesCall {
  private static final int WORDS = 5;

  private VotesCall() {}

  /**
   * Asks a card.
   *
   * @param memory of the card
   * @return empty if the card does not count these votes
   */
  static Optional<long[]> run(VotesRequest request, long card, CardMemory memory) {
    request.validate();
    TopKeysRequest keys = request.keys();
    long votes = (long) keys.heads() * keys.queryCount() * keys.answers();
    // no more tokens than votes, and than there are
    long most = Math.min(request.limit(), Math.min(votes, keys.to() - keys.from()));
    if (most <= 0) {
      return Optional.of(new long[0]);
    }
    CallBuffer buffer = CallBuffer.borrow();
    try (Memory answer = Memory.allocate(Math.multiplyExact(most + 1, Long.BYTES));
        TopKeysCall best = new TopKeysCall(keys, card, memory, memory, SketchLimits.OF_CARD)) {
      buffer.reserve(best.bytes() + (long) WORDS * Long.BYTES);
      long list = best.write(buffer, 0, 0, 0);
      long call = buffer.address();
      buffer
          .put(list)
          .put((long) request.order().ordinal())
          .put(most)
          .put(answer.address(Long.BYTES))
          .put(answer.address(0));
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
