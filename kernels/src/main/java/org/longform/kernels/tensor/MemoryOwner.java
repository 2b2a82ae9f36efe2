package org.longform.kernels.tensor;

/**
 * A device with memory of its own, which the host does not address. It does what it is asked for
 * later perhaps, but in the order of the calls.
 */
public interface MemoryOwner {
  /** Words of a piece in the list of {@link #copy}. */
  int PIECE_WORDS = 3;

  /**
   * Copies bytes to the host; they are there when this returns.
   *
   * @param from an address of the device
   * @param to an address of the host
   */
  void read(long from, long to, long bytes);

  /**
   * Copies bytes of the host, which are taken before anything else is done and may change when this
   * returns.
   *
   * @param from an address of the host
   * @param to an address of the device
   */
  void write(long from, long to, long bytes);

  /** Takes a block back. */
  void release(long address);

  /**
   * Copies bytes within its blocks: as if all pieces were read before any is written.
   *
   * @param pieces of each its address, the address that it goes to, and its bytes
   */
  void copy(long[] pieces, int count);
}
