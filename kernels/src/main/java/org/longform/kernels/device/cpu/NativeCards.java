package org.longform.kernels.device.cpu;

import java.util.Optional;
import org.longform.kernels.device.Kernels;

/** The cards that the native library reaches. */
public final class NativeCards {
  private NativeCards() {}

  /** Why a card cannot be used, as part of a sentence; empty if it can. */
  public static Optional<String> whyUnavailable(int card) {
    return CpuLibrary.refusal() != null
        ? Optional.of(CpuLibrary.refusal())
        : Optional.ofNullable(CpuNative.cardMissing(card));
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
