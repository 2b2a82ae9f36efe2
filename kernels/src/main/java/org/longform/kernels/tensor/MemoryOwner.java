package org.longform.kernels.tensor;

/** A device whose memory the host addresses, too. */
public interface MemoryOwner {
  /** Words of a piece in the list of {@link #copy}. */
  int PIECE_WORDS = 3;

  /** Returns when all that the device was asked for is done. */
  void finish();

  /** Takes a block back. */
  void release(long address);

  /**
   * Copies bytes within its blocks, later perhaps, but in the order of what it is asked for: as if
   * all pieces were read before any is written.
   *
   * @param pieces of each its address, the address that it goes to, and its bytes
   */
  void copy(long[] pieces, int count);
}
