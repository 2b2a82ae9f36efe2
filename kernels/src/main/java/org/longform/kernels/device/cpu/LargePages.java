package org.longform.kernels.device.cpu;

import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemorySource;

/**
 * Memory in large pages of the operating system, where it has them. A long document's keys lie in
 * many places, and decoding reads all of them for each token: with small pages much of the time
 * goes into finding where they are.
 */
final class LargePages implements MemorySource {
  // less is in small pages for the most part
  private static final long SMALLEST = 1 << 20;

  @Override
  public Memory allocate(long size) {
    if (size < SMALLEST) {
      return Memory.allocate(size);
    }
    long address = CpuNative.largeAllocate(size);
    if (address == 0) {
      throw Memory.refused(size);
    }
    return Memory.of(address, size, () -> CpuNative.largeRelease(address, size));
  }
}
