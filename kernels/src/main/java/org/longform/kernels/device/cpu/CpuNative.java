package org.longform.kernels.device.cpu;

/**
 * The native functions, one for one those of {@code kernels.h}, which says what they do. Addresses
 * are machine addresses; nothing is checked here or there. Only {@link CpuLibrary} says whether
 * they can be called.
 */
final class CpuNative {
  /** {@code KERNELS_ABI} of the header this class was written for. */
  static final int ABI = 15;

  /** {@code KERNELS_NO_MEMORY}. */
  static final int NO_MEMORY = 2;

  /** {@code KERNELS_UNSUPPORTED}. */
  static final int UNSUPPORTED = 3;

  /** {@code KERNELS_ALIKE_TOKENS}. */
  static final int ALIKE_TOKENS = 8;

  private CpuNative() {}

  static native int abi();

  static native String lastError();

  static native int isaCount();

  static native String isaName(int isa);

  /** Null if this processor has the instruction set. */
  static native String isaMissing(int isa);

  /** 0 if it fails. */
  static native long open(int isa, int threads);

  static native void close(long device);

  static native void enter(long device);

  static native void leave(long device);

  static native int gather(
      long device, long table, int dtype, long inner, long ids, long tokens, long out);

  static native int addBias(long device, long x, long bias, long tokens, long outer);

  static native int add(long device, long x, long y, long elements);

  static native int rmsNorm(
      long device, long x, long gain, double epsilon, long tokens, long inner, long out);

  static native int center(long device, long x, long tokens, long inner, long out);

  static native int swiGlu(long device, long gate, long up, long elements);

  static native int multiply(long device, long x, long y, long elements);

  static native int map(long device, int function, double parameter, long x, long elements);

  static native int matmul(long device, long x, long tokens, long inner, long products, long count);

  static native void prefetch(long address, long bytes);

  static native void forget(long address, long bytes);

  /** 0 if the system refuses. */
  static native long largeAllocate(long bytes);

  static native void largeRelease(long address, long bytes);

  static native int store(
      long device, long layout, long keys, long values, long places, long count);

  static native int attend(long device, long attention);

  static native int topKeys(long device, long request);

  static native int votes(long device, long request);

  static native int keyScores(long device, long request);

  static native int spans(long device, long request);

  /** Bytes of the sketch of one head of a page. */
  static native long sketchBytes(long headDim);

  static native int sketch(long device, long layout, long pages, long count);

  static native int cardCount();

  static native String cardName(int card);

  /** Null if the card can be used. */
  static native String cardMissing(int card);

  /** 0 if it fails. */
  static native long openCard(int card, int threads);

  /** Writes the address of the card's memory to {@code memory}. */
  static native int cardAllocate(long device, long bytes, long memory);

  /** Writes the address of a zeroed block of the card's memory to {@code memory}. */
  static native int cardTake(long device, long bytes, long memory);

  /** Writes the address of pinned memory of the host, which is the card's, to {@code memory}. */
  static native int cardTakePinned(long device, long bytes, long memory);

  /** Within memory of the card. */
  static native int copy(long device, long pieces, long count);

  static native int cardRelease(long device, long memory);

  /** From the host to the card or back. */
  static native int cardCopy(long device, long to, long from, long bytes);

  /** Writes two numbers: bytes that are free, and all. */
  static native int cardRoom(long device, long free, long all);
}
