package org.longform.kernels.tensor;

import java.util.Arrays;

/**
 * Copies many pieces from block to block, one after the other: none may be written where a later
 * one is read. Pieces within the memory of one device are left to it, so that they do not pass the
 * host; all are asked for after {@link #flush}.
 */
public final class Copies {
  // a device may hold what it has read until all is read
  private static final long MOST_BYTES = 1L << 24;
  private static final int MOST_PIECES = 1 << 15;

  private long[] pieces = new long[64 * MemoryOwner.PIECE_WORDS];
  private int count;
  private long bytes;
  // of the pieces that wait
  private MemoryOwner owner;

  /** Copies {@code size} bytes. */
  public void add(Memory source, long sourceOffset, Memory target, long offset, long size) {
    MemoryOwner both = target.ownerWith(source);
    if (both == null || both != owner || bytes > MOST_BYTES - size || count == MOST_PIECES) {
      flush();
    }
    if (both == null || size > MOST_BYTES) {
      target.copyFrom(source, sourceOffset, offset, size);
      return;
    }
    if ((count + 1) * MemoryOwner.PIECE_WORDS > pieces.length) {
      pieces = Arrays.copyOf(pieces, 2 * pieces.length);
    }
    source.piece(sourceOffset, target, offset, size, pieces, count * MemoryOwner.PIECE_WORDS);
    owner = both;
    count++;
    bytes += size;
  }

  /** Asks for the pieces that wait. */
  public void flush() {
    if (count > 0) {
      owner.copy(pieces, count);
      count = 0;
      bytes = 0;
    }
  }
}
