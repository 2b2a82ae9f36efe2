package org.longform.kernels.device.cpu;

import java.lang.ref.Cleaner;
import org.longform.kernels.device.DeviceLostError;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The native device: its threads end when nobody can reach it any more. */
final class CpuHandle {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final int LOST = 4;

  private final long address;

  private CpuHandle(long address) {
    this.address = address;
    CLEANER.register(this, () -> CpuNative.close(address));
  }

  static CpuHandle open(int isa, int threads) {
    long address = CpuNative.open(isa, threads);
    if (address == 0) {
      throw failure("open", 0);
    }
    return new CpuHandle(address);
  }

  /**
   * A device on a card.
   *
   * @throws LongformException DEVICE_UNAVAILABLE or OUT_OF_MEMORY
   */
  static CpuHandle openCard(int card, int threads) {
    long address = CpuNative.openCard(card, threads);
    if (address == 0) {
      throw new LongformException(
          ErrorClass.DEVICE_UNAVAILABLE,
          "Cannot open card %d: %s.".formatted(card, CpuNative.lastError()));
    }
    return new CpuHandle(address);
  }

  /** Callers keep this object reachable while they use it. */
  long address() {
    return address;
  }

  /** Turns a status of a native function into an exception, if it is not 0. */
  static void check(String operation, int status) {
    if (status != 0) {
      throw failure(operation, status);
    }
  }

  private static LongformException failure(String operation, int status) {
    if (status == LOST) {
      throw new DeviceLostError(
          "Cannot compute %s: %s. This process cannot use the card any more and must end."
              .formatted(operation, CpuNative.lastError()));
    }
    return new LongformException(
        status == CpuNative.NO_MEMORY ? ErrorClass.OUT_OF_MEMORY : ErrorClass.INTERNAL,
        "Cannot compute %s: %s.".formatted(operation, CpuNative.lastError()));
  }
}
