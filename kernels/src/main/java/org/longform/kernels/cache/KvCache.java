package org.longform.kernels.cache;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Tensor;

/**
 * Un-rotated keys and values of one document. A block of tokens is added in three steps: {@link
 * #reserve}, {@link #put} once for each layer, {@link #commit}. Not safe for use by several
 * threads.
 */
public final class KvCache implements AutoCloseable {
  private final KvShape shape;
  private final PageTable pages = new PageTable();
  private final RowWriter writer;
  private Rows held = Rows.none();
  private Rows visible = Rows.none();
  private long length;
  private int reserved;

  public KvCache(KvShape shape) {
    this.shape = shape;
    this.writer = new RowWriter(shape);
  }

  public KvShape shape() {
    return shape;
  }

  /** Tokens read so far, whether still held or not. */
  public long length() {
    return length;
  }

  /** Tokens whose keys and values are still here. */
  public Rows held() {
    return held;
  }

  /** Off-heap bytes of the pages this cache holds, shared ones included. */
  public long bytes() {
    return pages.size() * Page.bytes(shape);
  }

  /** Off-heap bytes of the sketches of these pages. */
  public long sketchBytes() {
    long[] bytes = {0};
    pages.forEach((number, page) -> bytes[0] += page.sketchBytes());
    return bytes[0];
  }

  /** Opens {@code tokens} rows behind the last one; they are visible in views at once. */
  public void reserve(int tokens) {
    if (reserved != 0 || tokens <= 0) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot reserve %d rows: %d are reserved already.".formatted(tokens, reserved));
    }
    for (long page = length / Page.ROWS; page <= (length + tokens - 1) / Page.ROWS; page++) {
      Page present = pages.get(page);
      if (present == null) {
        pages.put(page, new Page(shape));
      } else if (present.shared()) {
        // a fork writes behind the common tokens only after it has its own last page
        pages.put(page, present.copy());
        present.release();
      } else {
        present.dropSketches();
      }
    }
    reserved = tokens;
    visible = append(held, length, length + tokens);
  }

  /**
   * Stores the reserved rows of one layer.
   *
   * @param keys (T, kvHeads*headDim) before rotation
   * @param values (T, kvHeads*headDim)
   */
  public void put(int layer, Tensor keys, Tensor values) {
    long width = (long) shape.kvHeads() * shape.headDim();
    if (keys.rows() != reserved
        || values.rows() != reserved
        || keys.elements() != reserved * width) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot store keys %s and values %s: %d rows of %d are reserved."
              .formatted(keys.shape(), values.shape(), reserved, width));
    }
    for (int t = 0; t < reserved; ) {
      Page page = page(length + t);
      int row = (int) ((length + t) % Page.ROWS);
      int count = Math.min(reserved - t, Page.ROWS - row);
      long at = page.keyOffset(layer, 0, row);
      writer.write(keys, t, count, page, at);
      writer.write(values, t, count, page, at + page.valueStride());
      t += count;
    }
  }

  /** Makes the reserved rows part of the document. */
  public void commit() {
    held = visible;
    length += reserved;
    reserved = 0;
  }

  /** Gives the reserved rows up, after a failure or a cancellation. */
  public void rollback() {
    reserved = 0;
    visible = held;
    pages.retain(page -> page * Page.ROWS < length);
  }

  /** What one layer sees: the held rows and the reserved ones. */
  public KvView view(int layer) {
    return new KvView(this, layer, length + reserved, visible);
  }

  /** A second document with the same past. The rows are shared, not copied. */
  public KvCache fork() {
    KvCache fork = new KvCache(shape);
    pages.forEach((index, page) -> fork.pages.put(index, page.hold()));
    fork.held = held;
    fork.visible = held;
    fork.length = length;
    return fork;
  }

  /** Forgets the tokens from {@code newLength} on. */
  public void truncate(long newLength) {
    if (newLength < 0 || newLength > length || reserved != 0) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot truncate to %d tokens: the cache has %d.".formatted(newLength, length));
    }
    length = newLength;
    held = held.clip(0, newLength);
    visible = held;
    pages.retain(page -> page * Page.ROWS < newLength);
  }

  /** Keeps only the given tokens (one list for all heads); the memory of whole pages is freed. */
  public void retain(Rows kept) {
    if (reserved != 0 || kept.groups() != 1 || !kept.allRanges(this::holdsAll)) {
      throw new LongformException(
          ErrorClass.INVALID_PLAN,
          "Cannot retain %s: the cache holds %s and has %d reserved rows. Retain a part of one list after a commit."
              .formatted(kept, held, reserved));
    }
    held = kept;
    visible = kept;
    pages.retain(page -> kept.overlaps(page * Page.ROWS, (page + 1) * Page.ROWS));
  }

  Page page(long row) {
    return pages.get(row / Page.ROWS);
  }

  private boolean holdsAll(long from, long to) {
    return held.containsRange(0, from, to);
  }

  private static Rows append(Rows rows, long from, long to) {
    Rows.Builder builder = Rows.builder();
    for (int i = 0; i < rows.ranges(0); i++) {
      builder.range(rows.start(0, i), rows.end(0, i));
    }
    return builder.range(from, to).build();
  }

  @Override
  public void close() {
    reserved = 0;
    pages.retain(page -> false);
    held = Rows.none();
    visible = held;
    length = 0;
  }
}
