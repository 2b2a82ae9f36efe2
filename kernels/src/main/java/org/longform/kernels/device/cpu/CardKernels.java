package org.longform.kernels.device.cpu;

import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Tensor;

/**
 * The operations on a card. Matrices lie there; vectors, activations and the cache on the host,
 * whose row-wise operations are the processor's.
 */
final class CardKernels extends CpuKernels {
  private final CpuHandle card;

  CardKernels(CpuHandle card) {
    super(card);
    this.card = card;
  }

  @Override
  public Weight weight(Tensor stored) {
    return stored.shape().rank() == 1 || stored.elements() == 0
        ? super.weight(stored)
        : CardWeight.load(stored, card);
  }

  /** A card reads faster than the processor sketches. */
  @Override
  boolean spareKeys() {
    return false;
  }
}
