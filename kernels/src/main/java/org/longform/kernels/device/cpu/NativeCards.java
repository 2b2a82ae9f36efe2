package org.longform.kernels.device.cpu;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.longform.kernels.device.Kernels;

/** The cards that the native library reaches. */
public final class NativeCards {
  private static final Map<Integer, Optional<String>> REFUSALS = new ConcurrentHashMap<>();

  private NativeCards() {}

  /**
   * Why a card cannot be used, as part of a sentence; empty if it can. It is opened for that, which
   * compares some of its answers with the processor's; once in a process.
   */
  public static Optional<String> whyUnavailable(int card) {
    return REFUSALS.computeIfAbsent(card, NativeCards::refusal);
  }

  private static Optional<String> refusal(int card) {
    if (CpuLibrary.refusal() != null) {
      return Optional.of(CpuLibrary.refusal());
    }
    String missing = CpuNative.cardMissing(card);
    if (missing != null) {
      return Optional.of(missing);
    }
    long device = CpuNative.openCard(card, 1);
    if (device == 0) {
      return Optional.of(CpuNative.lastError());
    }
    CpuNative.close(device);
    return Optional.empty();
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
