package org.longform.kernels.cache;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/**
 * Rows of a cache as a stream of bytes, bit by bit as they are stored: for each stretch of rows of
 * one page [layer, kvHead, key or value, row, rowBytes].
 */
final class StoredRows {
  private final KvCache cache;
  private final Rows rows;
  private final byte[] stretch;

  StoredRows(KvCache cache, Rows rows) {
    this.cache = cache;
    this.rows = rows;
    this.stretch = new byte[Page.ROWS * cache.shape().rowBytes()];
  }

  /** What happens to the bytes of one head's keys, or values, in one page. */
  private interface Step {
    void apply(Page page, long at, int bytes) throws IOException;
  }

  void write(DataOutput out) throws IOException {
    forEachStretch(
        (page, at, bytes) -> {
          page.memory().readBytes(at, stretch, 0, bytes);
          out.write(stretch, 0, bytes);
        });
  }

  void read(DataInput in) throws IOException {
    forEachStretch(
        (page, at, bytes) -> {
          in.readFully(stretch, 0, bytes);
          page.memory().writeBytes(at, stretch, 0, bytes);
        });
  }

  private void forEachStretch(Step step) throws IOException {
    for (int i = 0; i < rows.ranges(0); i++) {
      long end = rows.end(0, i);
      for (long row = rows.start(0, i); row < end; ) {
        int inPage = (int) (row % Page.ROWS);
        int count = (int) Math.min(end - row, Page.ROWS - inPage);
        Page page = cache.page(row);
        page.touch();
        inPage(page, inPage, count * cache.shape().rowBytes(), step);
        row += count;
      }
    }
  }

  private void inPage(Page page, int row, int bytes, Step step) throws IOException {
    for (int layer = 0; layer < cache.shape().layers(); layer++) {
      for (int head = 0; head < cache.shape().kvHeads(layer); head++) {
        long keys = page.keyOffset(layer, head, row);
        step.apply(page, keys, bytes);
        step.apply(page, keys + page.valueStride(), bytes);
      }
    }
  }
}
