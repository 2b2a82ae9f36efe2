package org.longform.kernels.device.cpu;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.tensor.Memory;

/** The cards that the native library reaches. */
public final class NativeCards {
  private static final Map<Integer, Answer> ANSWERS = new ConcurrentHashMap<>();

  /** Why it cannot be used, or how many bytes it had free. */
  private record Answer(Optional<String> refusal, OptionalLong freeBytes) {
    static Answer no(String refusal) {
      return new Answer(Optional.of(refusal), OptionalLong.empty());
    }
  }

  private NativeCards() {}

  /**
   * Why a card cannot be used, as part of a sentence; empty if it can. It is opened for that, which
   * compares some of its answers with the processor's; once in a process.
   */
  public static Optional<String> whyUnavailable(int card) {
    return answer(card).refusal();
  }

  /** Bytes of its memory that were free when it was opened for that; empty if it cannot be used. */
  public static OptionalLong memoryBytes(int card) {
    return answer(card).freeBytes();
  }

  private static Answer answer(int card) {
    return ANSWERS.computeIfAbsent(card, NativeCards::ask);
  }

  private static Answer ask(int card) {
    if (CpuLibrary.refusal() != null) {
      return Answer.no(CpuLibrary.refusal());
    }
    String missing = CpuNative.cardMissing(card);
    if (missing != null) {
      return Answer.no(missing);
    }
    long device = CpuNative.openCard(card, 1);
    if (device == 0) {
      return Answer.no(CpuNative.lastError());
    }
    try (Memory answer = Memory.allocate(2L * Long.BYTES)) {
      int status = CpuNative.cardRoom(device, answer.address(0), answer.address(Long.BYTES));
      return status == 0
          ? new Answer(Optional.empty(), OptionalLong.of(answer.getLong(0)))
          : Answer.no(CpuNative.lastError());
    } finally {
      CpuNative.close(device);
    }
  }

  /** What the driver calls it; only if it can be used. */
  public static String name(int card) {
    return CpuNative.cardName(card);
  }

  /**
   * Opens a card.
   *
   * @param threads threads of the processor for what is not done on the card
   * @throws org.longform.kernels.error.LongformException DEVICE_UNAVAILABLE
   */
  public static Kernels open(int card, int threads) {
    return new CardKernels(CpuHandle.openCard(card, threads));
  }
}
