package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.channels.FileChannel;
import org.longform.kernels.tensor.MappedFile;
import org.longform.kernels.tensor.Memory;

/**
 * A part of a file as memory. Parts of up to 2 GiB are mapped read-only and unmapped on close; Java
 * 17 maps no more at once, so larger ones are copied into memory of our own, piece by piece.
 */
final class MappedBytes {
  private static final long LARGEST_MAP = Integer.MAX_VALUE;

  private MappedBytes() {}

  static Memory map(FileChannel channel, long from, long count) throws IOException {
    return map(channel, from, count, LARGEST_MAP);
  }

  /** {@code largest} bytes are mapped at once, at most. */
  static Memory map(FileChannel channel, long from, long count, long largest) throws IOException {
    if (count == 0) {
      return Memory.allocate(0);
    }
    if (count <= largest) {
      return MappedFile.map(channel, from, count);
    }
    Memory copy = Memory.allocate(count);
    try {
      for (long done = 0; done < count; done += largest) {
        long bytes = Math.min(largest, count - done);
        try (Memory piece = MappedFile.map(channel, from + done, bytes)) {
          copy.copyFrom(piece, 0, done, bytes);
        }
      }
      return copy;
    } catch (Throwable e) {
      copy.close();
      throw e;
    }
  }
}
