package org.longform.kernels.device.cpu;

import java.lang.ref.Reference;
import java.util.concurrent.atomic.AtomicBoolean;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Tensor;

/** A weight in the memory of a card, in its file's dtype; vectors in float32. */
final class CardWeight extends CpuWeight {
  private final CpuHandle card;
  private final long address;
  private final AtomicBoolean closed = new AtomicBoolean();

  private CardWeight(Tensor values, CpuHandle card, long address) {
    super(values, false);
    this.card = card;
    this.address = address;
  }

  /** Copies a stored weight to the card. */
  static CardWeight load(Tensor stored, CpuHandle card) {
    try (CpuWeight host = CpuWeight.load(stored)) {
      return copy(host.values(), card);
    }
  }

  private static CardWeight copy(Tensor values, CpuHandle card) {
    long bytes = values.dtype().bytes(values.elements());
    long address;
    try (Memory answer = Memory.allocate(Long.BYTES)) {
      CpuHandle.check(
          "the place of a weight",
          CpuNative.cardAllocate(card.address(), bytes, answer.address(0)));
      address = answer.getLong(0);
    }
    int status = CpuNative.cardCopy(card.address(), address, values.address(), bytes);
    if (status != 0) {
      CpuNative.cardRelease(card.address(), address);
    }
    CpuHandle.check("the copy of a weight", status);
    return new CardWeight(values, card, address);
  }

  @Override
  long address() {
    if (closed.get()) {
      throw new IllegalStateException("Cannot use a weight %s: it is closed.".formatted(shape()));
    }
    return address;
  }

  @Override
  public long ownedBytes() {
    // on the card: nothing of the host's memory
    return 0;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      CpuHandle.check("the release of a weight", CpuNative.cardRelease(card.address(), address));
      Reference.reachabilityFence(card);
    }
  }
}
