package org.longform.kernels.tensor;

/** A device whose memory the host addresses, too. */
public interface MemoryOwner {
  /** Returns when all that the device was asked for is done. */
  void finish();

  /** Takes a block back. */
  void release(long address);
}
