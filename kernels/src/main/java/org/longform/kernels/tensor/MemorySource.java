package org.longform.kernels.tensor;

/** Gives memory that somebody works on: the host's, or that of a device. */
@FunctionalInterface
public interface MemorySource {
  /** Memory of the host. */
  MemorySource HOST = Memory::allocate;

  /**
   * Zeroed memory of {@code size} bytes.
   *
   * @throws org.longform.kernels.error.LongformException OUT_OF_MEMORY
   */
  Memory allocate(long size);
}
