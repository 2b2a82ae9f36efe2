package org.longform.kernels.cache;

import java.util.function.Supplier;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;

/**
 * One layer of a cache, read only. Rows are addressed by token index; {@link #keyAddress} gives
 * native devices the place of {@link #contiguous} rows at once.
 *
 * <p>Where several continuations of a document stand side by side in the reserved rows, the view of
 * one of them shows its rows alone, with the indices they will have if they are kept.
 */
public final class KvView {
  /** What a device notes about a layer of a cache; closed with the cache. */
  public interface Notes extends AutoCloseable {
    @Override
    void close();
  }

  private final KvCache cache;
  private final int layer;
  private final long end;
  private final Rows held;
  // tokens from here on lie in the reserved rows that the path names
  private final long firstNew;
  private final int[] path;

  KvView(KvCache cache, int layer, long end, Rows held) {
    this(cache, layer, end, held, end, new int[0]);
  }

  /**
   * @param firstNew index of the first token of a path
   * @param path for each token from there on the reserved row it lies in
   */
  KvView(KvCache cache, int layer, long end, Rows held, long firstNew, int[] path) {
    this.cache = cache;
    this.layer = layer;
    this.end = end;
    this.held = held;
    this.firstNew = firstNew;
    this.path = path;
  }

  public int layer() {
    return layer;
  }

  public int kvHeads() {
    return cache.shape().kvHeads(layer);
  }

  public int headDim() {
    return cache.shape().headDim();
  }

  /** One past the newest token, the block being read included. */
  public long end() {
    return end;
  }

  /** The rows that may be attended to. */
  public Rows held() {
    return held;
  }

  /** Whether some rows hold other tokens than those of their numbers ({@link KvCache#gather}). */
  public boolean isGathered() {
    return cache.isGathered();
  }

  /** The token of the document that a row holds for one head. */
  public long token(int kvHead, long row) {
    return cache.token(layer, kvHead, row);
  }

  public boolean holds(long from, long to) {
    return held.containsRange(0, from, to);
  }

  /** Rows from {@code row} on, and before {@code to}, that lie side by side in memory. */
  public int contiguous(long row, long to) {
    // no run goes beyond the page it would be in alone, so that it is cut as it would be then
    int most = (int) Math.min(to - row, Page.ROWS - row % Page.ROWS);
    if (row + most <= firstNew) {
      return most;
    }
    long place = place(row);
    int inPage = (int) Math.min(most, Page.ROWS - place % Page.ROWS);
    int count = 1;
    while (count < inPage && place(row + count) == place + count) {
      count++;
    }
    return count;
  }

  /** Where a token lies: its own index, but for those of a path. */
  private long place(long row) {
    return row < firstNew ? row : firstNew + path[Math.toIntExact(row - firstNew)];
  }

  /** How keys and values are stored. */
  public KvDType dtype() {
    return cache.shape().dtype();
  }

  /** Bytes from one row to the next within {@link #contiguous} rows. */
  public int rowBytes() {
    return cache.shape().rowBytes();
  }

  /** Bytes from a row's key to its value, within its page. */
  public long valueStride() {
    return Page.ROWS * (long) rowBytes();
  }

  /** Bytes from a head's key to the next head's key of the same row. */
  public long headStride() {
    return 2 * valueStride();
  }

  /**
   * Whether the rows before {@code to} stay where they are until {@link #moves} grows, and lie page
   * by page; none is on disk then.
   */
  public boolean isSettled(long to) {
    return to <= firstNew && !cache.store().anyOnDisk();
  }

  /**
   * Grows when a page is dropped, takes another's place or moves to pinned memory, not when rows
   * are added.
   */
  public long moves() {
    return cache.moves() + cache.store().pinnedMoves();
  }

  /** Grows when sketches are dropped whose addresses somebody may have noted. */
  public long sketchesForgotten() {
    return cache.store().sketchesForgotten();
  }

  /** The notes about this layer of the device that reads the cache, begun by {@code first}. */
  public <T extends Notes> T notes(Class<T> type, Supplier<T> first) {
    return type.cast(cache.notes().computeIfAbsent(layer, number -> first.get()));
  }

  /** Whether a row lies in a device's own memory. */
  public boolean isIn(MemoryOwner device, long row) {
    return cache.page(place(row)).memory().isOwnedBy(device);
  }

  /**
   * Machine address of the first head's un-rotated key of a row. Good until the cache changes; the
   * next {@link #contiguous} rows follow every {@link #rowBytes}.
   */
  public long keyAddress(long row) {
    return keyAddress(row, null);
  }

  /**
   * The same for a device that may own the page.
   *
   * @param reader who will work there; null for the host
   */
  public long keyAddress(long row, MemoryOwner reader) {
    long place = place(row);
    Page page = cache.page(place);
    page.touch();
    return page.memory().address(page.keyOffset(layer, 0, (int) (place % Page.ROWS)), reader);
  }

  /** Rows of a page, the first at a multiple of this; sketches are of whole pages. */
  public static int pageRows() {
    return Page.ROWS;
  }

  /**
   * The sketches of the page that begins at {@code row}, or null if it can still change or memory
   * is short. Good until the cache changes.
   *
   * @param headBytes size of the sketch of one head; always the same for a cache
   * @param source of their memory; always the same for a cache
   */
  public PageSketches sketches(long row, long headBytes, MemorySource source) {
    return isWhole(row) ? cache.page(row).sketches(headBytes, source) : null;
  }

  /** Whether all rows of the page that begins at {@code row} are there to stay. */
  public boolean isWhole(long row) {
    return row + Page.ROWS <= cache.length();
  }

  /** Copies the un-rotated key of one token. */
  public void readKey(int kvHead, long row, float[] target) {
    readKeys(kvHead, row, 1, target, 0);
  }

  /** Copies the value of one token. */
  public void readValue(int kvHead, long row, float[] target) {
    readValues(kvHead, row, 1, target, 0);
  }

  /** Copies the un-rotated keys of {@code count} {@link #contiguous} rows, widened to float32. */
  public void readKeys(int kvHead, long row, int count, float[] target, int offset) {
    read(kvHead, row, count, 0, target, offset);
  }

  /** Copies the values of {@code count} {@link #contiguous} rows, widened to float32. */
  public void readValues(int kvHead, long row, int count, float[] target, int offset) {
    read(kvHead, row, count, valueStride(), target, offset);
  }

  private void read(int kvHead, long row, int count, long part, float[] target, int offset) {
    long place = place(row);
    Page page = cache.page(place);
    page.touch();
    long at = page.keyOffset(layer, kvHead, (int) (place % Page.ROWS)) + part;
    if (dtype() == KvDType.F32) {
      // plain rows are one stretch
      page.memory().read(at, target, offset, count * headDim());
      return;
    }
    byte[] stored = new byte[count * rowBytes()];
    page.memory().readBytes(at, stored, 0, stored.length);
    for (int i = 0; i < count; i++) {
      dtype().decode(stored, i * rowBytes(), target, offset + i * headDim(), headDim());
    }
  }
}
