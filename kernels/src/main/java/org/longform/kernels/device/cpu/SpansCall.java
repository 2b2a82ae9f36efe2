package org.longform.kernels.device.cpu;

import java.util.Optional;
import org.longform.kernels.cache.Patience;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.device.SpanSelection;
import org.longform.kernels.device.SpansRequest;
import org.longform.kernels.error.LongformException;

/** Writes a {@link SpansRequest} as a {@code kernels_spans_request}, whose answer stays. */
final class SpansCall {
  /** Rows for which attention has room, and angles, whether they are chosen or not. */
  private static final long MOST_ROWS = 1 << 16;

  /** Tokens that a card serves one after the other, as a budget has it. */
  private static final long MOST_IN_TURN = 1 << 12;

  private static final int WORDS = 5;

  private SpansCall() {}

  /**
   * Asks a card.
   *
   * @param memory of the card
   * @return empty if the card does not choose these, or has no room to keep them
   */
  static Optional<Rows> run(SpansRequest request, long card, CardMemory memory) {
    request.votes().validate();
    long most = most(request);
    // where pages are on disk the card would refuse what was listed for it
    if (most <= 0 || most > MOST_ROWS || !request.keys().cache().isSettled(request.keys().to())) {
      return Optional.empty();
    }
    CardChoice choice;
    try {
      choice = new CardChoice(memory, request.keys(), most);
    } catch (LongformException e) {
      if (!Patience.isRefusal(e)) {
        throw e;
      }
      return Optional.empty();
    }
    try {
      if (ask(request, card, memory, choice)) {
        return Optional.of(Rows.chosen(choice));
      }
    } catch (Throwable e) {
      choice.close();
      throw e;
    }
    choice.close();
    return Optional.empty();
  }

  /** Most rows that can be chosen; none if the card is not asked. */
  private static long most(SpansRequest request) {
    SpanSelection spans = request.spans();
    long voted = VotesCall.most(request.votes());
    boolean budget = spans.budget() != SpanSelection.UNLIMITED;
    if (voted > (budget ? MOST_IN_TURN : MOST_ROWS)) {
      return 0;
    }
    long most = Math.min(voted * 2 * reach(request), candidates(request));
    return budget ? Math.min(most, spans.budget()) : most;
  }

  private static long candidates(SpansRequest request) {
    return request.keys().to() - request.keys().from();
  }

  /** No further than there are candidates. */
  private static long reach(SpansRequest request) {
    return Math.min(request.spans().reach(), candidates(request));
  }

  private static boolean ask(
      SpansRequest request, long card, CardMemory memory, CardChoice choice) {
    CallBuffer buffer = CallBuffer.borrow();
    try (TopKeysCall best =
        new TopKeysCall(request.keys(), card, memory, memory, SketchLimits.OF_CARD)) {
      buffer.reserve(VotesCall.bytes(best) + (long) WORDS * Long.BYTES);
      long votes = VotesCall.write(request.votes(), best, buffer, 0, 0);
      long call = buffer.address();
      buffer
          .put(votes)
          .put(reach(request))
          .put(request.spans().budget())
          .put(choice.countAddress())
          .put(choice.rowsAddress());
      int status = CpuNative.spans(card, call);
      if (status == CpuNative.UNSUPPORTED) {
        return false;
      }
      CpuHandle.check("spans", status);
      return true;
    } finally {
      buffer.giveBack();
    }
  }
}
