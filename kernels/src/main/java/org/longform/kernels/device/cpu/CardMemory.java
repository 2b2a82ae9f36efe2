package org.longform.kernels.device.cpu;

import java.lang.ref.Reference;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;

/** Activations and pages of caches in the memory of a card. */
final class CardMemory implements MemorySource, MemoryOwner {
  private final CpuHandle card;

  /** A native function that takes memory of a device. */
  private interface Taking {
    int take(long device, long bytes, long answer);
  }

  CardMemory(CpuHandle card) {
    this.card = card;
  }

  @Override
  public Memory allocate(long size) {
    if (size <= 0) {
      return Memory.allocate(size);
    }
    return take(
        size,
        CpuNative::cardTake,
        "Cannot allocate %d bytes on the card: %s. Use a shorter window, a smaller model or fewer tasks per executor.");
  }

  /** A block of the host's memory that the card reads where it lies, with anything in it. */
  Memory allocatePinned(long size) {
    return take(
        size,
        CpuNative::cardTakePinned,
        "Cannot pin %d bytes of the host's memory for the card: %s. Give option kv_pinned_memory less.");
  }

  private Memory take(long size, Taking taking, String refusal) {
    try (Memory answer = Memory.allocate(Long.BYTES)) {
      int status = taking.take(card.address(), size, answer.address(0));
      // where a card cannot reach the host's memory there is none for it
      if (status == CpuNative.NO_MEMORY || status == CpuNative.UNSUPPORTED) {
        throw new LongformException(
            ErrorClass.OUT_OF_MEMORY, refusal.formatted(size, CpuNative.lastError()));
      }
      CpuHandle.check("the place of activations or pages", status);
      return Memory.of(this, answer.getLong(0), size);
    }
  }

  @Override
  public void read(long from, long to, long bytes) {
    transfer(to, from, bytes);
  }

  @Override
  public void write(long from, long to, long bytes) {
    transfer(to, from, bytes);
  }

  private void transfer(long to, long from, long bytes) {
    CpuHandle.check(
        "a copy between host and card", CpuNative.cardCopy(card.address(), to, from, bytes));
    Reference.reachabilityFence(card);
  }

  @Override
  public void copy(long[] pieces, int count) {
    CallBuffer buffer = CallBuffer.borrow();
    try {
      int words = count * PIECE_WORDS;
      buffer.reserve((long) words * Long.BYTES);
      long list = buffer.address();
      buffer.putAll(pieces, words);
      CpuHandle.check("a copy of keys and values", CpuNative.copy(card.address(), list, count));
    } finally {
      buffer.giveBack();
      Reference.reachabilityFence(card);
    }
  }

  @Override
  public void release(long address) {
    CpuHandle.check("the release of memory", CpuNative.cardRelease(card.address(), address));
    Reference.reachabilityFence(card);
  }
}
