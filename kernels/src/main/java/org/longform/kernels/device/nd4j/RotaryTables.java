package org.longform.kernels.device.nd4j;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.longform.kernels.attention.PositionEncoding.Rope;

/** The tables of every rotary encoding in use, within one budget of memory. */
final class RotaryTables {
  private static final int MAX_TABLES = 256;
  private static final long MAX_BYTES = 64L << 20;

  private final Map<Key, RotaryTable> tables = new ConcurrentHashMap<>();
  private final AtomicLong bytes = new AtomicLong();

  /** One encoding with its positions scaled; a scale of positions is one of frequencies. */
  private record Key(Rope rope, double scale) {}

  RotaryTable table(Rope rope, double scale) {
    if (tables.size() > MAX_TABLES) {
      tables.clear();
    }
    return tables.computeIfAbsent(
        new Key(rope, scale), key -> new RotaryTable(key.rope, key.scale, this::spend));
  }

  private void spend(long more) {
    if (bytes.addAndGet(more) > MAX_BYTES) {
      bytes.set(0);
      tables.values().forEach(RotaryTable::forget);
    }
  }
}
