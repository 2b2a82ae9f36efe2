package org.longform.kernels.cache;

import org.longform.kernels.tensor.Copies;

/** Moves rows of a cache towards its beginning. */
final class RowMover {
  private final KvCache cache;
  private final KvShape shape;
  private final Copies copies = new Copies();

  RowMover(KvCache cache) {
    this.cache = cache;
    this.shape = cache.shape();
  }

  /**
   * Moves a row of all layers and heads, once {@link #finish} was called.
   *
   * @param target before the row, and not to be moved itself any more
   */
  void move(long row, long target) {
    for (int layer = 0; layer < shape.layers(); layer++) {
      for (int head = 0; head < shape.kvHeads(layer); head++) {
        copy(layer, head, row, target, 1);
      }
    }
  }

  void finish() {
    copies.flush();
  }

  /**
   * Moves rows to the very beginning, for each layer and head in their order. A row never moves up,
   * so that none is overwritten before it was moved.
   */
  void move(Gathering gathering) {
    for (int layer = 0; layer < shape.layers(); layer++) {
      Rows rows = gathering.rows(layer);
      for (int head = 0; head < shape.kvHeads(layer); head++) {
        move(layer, head, rows, rows.groups() == 1 ? 0 : head);
      }
    }
    finish();
  }

  private void move(int layer, int head, Rows rows, int group) {
    long target = 0;
    for (int i = 0; i < rows.ranges(group); i++) {
      for (long row = rows.start(group, i); row < rows.end(group, i); ) {
        long count = Math.min(rows.end(group, i) - row, Page.ROWS - row % Page.ROWS);
        count = Math.min(count, Page.ROWS - target % Page.ROWS);
        if (row != target) {
          copy(layer, head, row, target, (int) count);
        }
        row += count;
        target += count;
      }
    }
  }

  private void copy(int layer, int head, long row, long target, int count) {
    Page from = cache.page(row);
    Page to = cache.page(target);
    from.touch();
    long source = from.keyOffset(layer, head, (int) (row % Page.ROWS));
    long place = to.keyOffset(layer, head, (int) (target % Page.ROWS));
    long bytes = (long) count * shape.rowBytes();
    copies.add(from.memory(), source, to.memory(), place, bytes);
    copies.add(
        from.memory(), source + from.valueStride(), to.memory(), place + to.valueStride(), bytes);
  }
}
