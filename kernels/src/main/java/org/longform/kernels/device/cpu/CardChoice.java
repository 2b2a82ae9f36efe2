package org.longform.kernels.device.cpu;

import org.longform.kernels.cache.RowChoice;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;

/**
 * Rows that a card chose, in its memory: how many they are, then {@code kernels_chosen_row} structs
 * with their addresses, good while the cache's pages stay where they are.
 */
final class CardChoice implements RowChoice {
  private static final int ROW_BYTES = 2 * Long.BYTES;
  // in front of the rows, which begin as they are aligned
  private static final int COUNT_BYTES = 2 * Long.BYTES;

  private final CardMemory card;
  private final Memory memory;
  private final long from;
  private final long to;
  private final long most;
  private boolean closed;

  /**
   * @param most rows that can be chosen
   */
  CardChoice(CardMemory card, TopKeysRequest among, long most) {
    this.card = card;
    this.from = among.from();
    this.to = among.to();
    this.most = most;
    // of few sizes, so that the next choice finds the block of one before
    this.memory = card.allocate(COUNT_BYTES + Long.highestOneBit(2 * most - 1) * ROW_BYTES);
  }

  @Override
  public long from() {
    return from;
  }

  @Override
  public long to() {
    return to;
  }

  long most() {
    return most;
  }

  boolean isOn(MemoryOwner device) {
    return card == device;
  }

  long countAddress() {
    return memory.address(0, card);
  }

  long rowsAddress() {
    return memory.address(COUNT_BYTES, card);
  }

  @Override
  public Rows told() {
    if (closed) {
      throw new IllegalStateException(
          "Cannot tell which tokens a card chose: their plan is closed. Ask before.");
    }
    long bytes = COUNT_BYTES + most * ROW_BYTES;
    try (Memory copy = Memory.allocate(bytes)) {
      copy.copyFrom(memory, 0, 0, bytes);
      Rows.Builder rows = Rows.builder();
      for (long i = 0; i < copy.getLong(0); i++) {
        long row = copy.getLong(COUNT_BYTES + i * ROW_BYTES + Long.BYTES);
        rows.range(row, row + 1);
      }
      return rows.build();
    }
  }

  @Override
  public void count(Memory target, long offset) {
    target.copyFrom(memory, 0, offset, Long.BYTES);
  }

  @Override
  public void close() {
    closed = true;
    memory.close();
  }
}
