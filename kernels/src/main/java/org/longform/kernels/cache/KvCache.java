package org.longform.kernels.cache;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemorySource;
import org.longform.kernels.tensor.Tensor;

/**
 * Un-rotated keys and values of one document. A block of tokens is added in three steps: {@link
 * #reserve}, {@link #put} once for each layer, {@link #commit}. Not safe for use by several
 * threads.
 */
public final class KvCache implements AutoCloseable {
  private final KvShape shape;
  private final PageStore store;
  private final PageTable pages = new PageTable();
  private final PageRoom room;
  private final RowWriter writer;
  private Rows held = Rows.none();
  private Rows visible = Rows.none();
  private GatheredTokens gathered = GatheredTokens.NONE;
  private long length;
  private int reserved;
  private boolean reading;
  private long rests;
  private boolean closed;
  // by layer; views may be read by several threads
  private final Map<Integer, KvView.Notes> notes = new ConcurrentHashMap<>();

  /** Is told of a stretch of addresses. */
  public interface Advice {
    void advise(long address, long bytes);
  }

  /** Is told of reserved rows that lie side by side in one page. */
  public interface Place {
    /**
     * @param at byte offset of the first head's key of the first row
     * @param from which of the tokens to be stored is that row
     */
    void is(Memory page, long at, int from, int count);
  }

  /** A cache whose pages all stay in memory. */
  public KvCache(KvShape shape) {
    this(shape, KvMemory.UNLIMITED);
  }

  public KvCache(KvShape shape, KvMemory budget) {
    this(shape, budget, MemorySource.HOST);
  }

  /** A cache whose pages lie where a device reads them, but for those on disk. */
  public KvCache(KvShape shape, KvMemory budget, MemorySource source) {
    this(shape, budget, source, Optional.empty());
  }

  /**
   * The same on a device that reads pinned memory, too; see {@link
   * org.longform.kernels.device.Kernels#pinnedMemory}.
   */
  public KvCache(
      KvShape shape, KvMemory budget, MemorySource source, Optional<MemorySource> pinned) {
    this(new PageStore(shape, budget, source, pinned));
  }

  private KvCache(PageStore store) {
    this.shape = store.shape();
    this.store = store;
    this.room = new PageRoom(store, pages);
    this.writer = new RowWriter(shape);
    store.join();
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

  /** Bytes of the pages this cache holds, wherever they are, shared ones included. */
  public long bytes() {
    return pages.size() * Page.bytes(shape);
  }

  /** Off-heap bytes of the sketches of these pages. */
  public long sketchBytes() {
    long[] bytes = {0};
    pages.forEach((number, page) -> bytes[0] += page.sketchBytes());
    return bytes[0];
  }

  /** Those of {@link #bytes} that are on disk. */
  public long diskBytes() {
    return store.anyOnDisk() ? bytesOf(Page::onDisk) : 0;
  }

  /** Those of {@link #bytes} that are in pinned memory. */
  public long pinnedBytes() {
    return store.anyPinned() ? bytesOf(Page::isPinned) : 0;
  }

  private long bytesOf(Predicate<Page> some) {
    long[] found = {0};
    pages.forEach((number, page) -> found[0] += some.test(page) ? Page.bytes(shape) : 0);
    return found[0];
  }

  /**
   * Waits until there is memory for the next {@code tokens} rows. Who reads without it takes what
   * it needs even beyond the budget. To be called while the thread reads no document: others may
   * have to end their block first.
   *
   * @param cancelled polled while waiting
   * @throws LongformException CANCELLED, or OUT_OF_MEMORY as {@link #reserve}
   */
  public void admit(int tokens, BooleanSupplier cancelled) {
    room.claim(pagesOf(tokens), length / Page.ROWS, cancelled);
  }

  /** Pages that the next rows lie in; the first may be here, but on disk or shared. */
  private long pagesOf(int tokens) {
    return pagesUpTo(length + tokens) - length / Page.ROWS;
  }

  /**
   * Opens {@code tokens} rows behind the last one; they are visible in views at once. If memory is
   * short, or a device refuses more of its own, older pages move to disk first.
   *
   * @throws LongformException OUT_OF_MEMORY if there is neither memory nor disk; the cache is as it
   *     was then, without what was admitted
   */
  public void reserve(int tokens) {
    if (reserved != 0 || tokens <= 0) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot reserve %d rows: %d are reserved already.".formatted(tokens, reserved));
    }
    long first = length / Page.ROWS;
    long last = (length + tokens - 1) / Page.ROWS;
    if (!room.isClaimed()) {
      room.make(pagesOf(tokens), first);
    }
    try {
      withRoom(
          () -> {
            pinOpen(first, last + 1);
            return this;
          });
    } catch (Throwable e) {
      rollback();
      throw e;
    }
    room.giveClaimBack();
    reserved = tokens;
    visible = held.append(length, length + tokens);
  }

  /**
   * Takes memory, perhaps of a device. Where there is none left pages move to disk until there is,
   * if they may: to be called while nothing of this cache is being read. What fails must have given
   * back what it took.
   *
   * @throws LongformException OUT_OF_MEMORY if there is no room though nothing is left to go
   */
  public <T> T withRoom(Supplier<T> taking) {
    return room.take(taking, length / Page.ROWS);
  }

  PageStore store() {
    return store;
  }

  /** How often this cache came to rest after rows were reserved, in vain or not. */
  long rests() {
    return rests;
  }

  /** As {@link #openPages}; from then on no page moves. */
  private void pinOpen(long from, long to) {
    reading = true;
    store.beginReading();
    try {
      openPages(from, to);
    } catch (Throwable e) {
      // nobody has an address of these pages yet
      endReading();
      throw e;
    }
  }

  /** Makes pages {@code from} to {@code to} (exclusive) ones that may be written. */
  private void openPages(long from, long to) {
    for (long number = from; number < to; number++) {
      Page present = pages.get(number);
      if (present == null) {
        pages.put(number, store.allocate());
      } else if (present.shared() || !present.isHome()) {
        // a fork writes behind the common tokens only after it has its own last page
        pages.put(number, store.copy(present));
        present.release();
      } else {
        present.dropSketches();
      }
    }
  }

  /**
   * Says that a layer was read for the last time in this block: of the pages on disk that it used
   * the next layer's part will be needed soon.
   *
   * @param forget is told what need not stay in memory
   * @param fetch is told what will be read next
   */
  public void passed(int layer, Advice forget, Advice fetch) {
    if (store.anyOnDisk()) {
      store.passed(layer, forget, fetch);
    }
  }

  /**
   * Stores the reserved rows of one layer.
   *
   * @param keys (T, G*D) before rotation, G the layer's key/value heads
   * @param values (T, G*D)
   */
  public void put(int layer, Tensor keys, Tensor values) {
    if (keys.rows() != reserved) {
      throw cannotStore(layer, keys, values);
    }
    put(layer, 0, keys, values);
  }

  /**
   * Stores some of the reserved rows of one layer, from {@code first} of them on.
   *
   * @param keys (T, G*D) before rotation
   * @param values (T, G*D)
   */
  public void put(int layer, int first, Tensor keys, Tensor values) {
    int kvHeads = shape.kvHeads(layer);
    KvView layout = view(layer);
    long valueStride = layout.valueStride();
    long headStride = layout.headStride();
    forEachPlace(
        layer,
        first,
        keys,
        values,
        (page, at, from, count) -> {
          writer.write(kvHeads, keys, from, count, page, at, headStride);
          writer.write(kvHeads, values, from, count, page, at + valueStride, headStride);
        });
  }

  /**
   * Tells a device that stores keys and values itself where some of the reserved rows of one layer
   * lie; see {@link #put}.
   */
  public void forEachPlace(int layer, int first, Tensor keys, Tensor values, Place place) {
    long rows = keys.rows();
    long width = (long) shape.kvHeads(layer) * shape.headDim();
    if (rows > reserved - first || values.rows() != rows || keys.elements() != rows * width) {
      throw cannotStore(layer, keys, values);
    }
    long begin = length + first;
    for (int t = 0; t < rows; ) {
      Page page = page(begin + t);
      int row = (int) ((begin + t) % Page.ROWS);
      int count = (int) Math.min(rows - t, Page.ROWS - row);
      place.is(page.memory(), page.keyOffset(layer, 0, row), t, count);
      t += count;
    }
  }

  private LongformException cannotStore(int layer, Tensor keys, Tensor values) {
    return new LongformException(
        ErrorClass.INTERNAL,
        "Cannot store keys %s and values %s: %d rows of %d are reserved."
            .formatted(
                keys.shape(),
                values.shape(),
                reserved,
                (long) shape.kvHeads(layer) * shape.headDim()));
  }

  /** Makes the reserved rows part of the document. */
  public void commit() {
    held = visible;
    length += reserved;
    reserved = 0;
    endReading();
  }

  /**
   * Makes some of the reserved rows part of the document, one behind the other, and gives the
   * others up.
   *
   * @param rows in increasing order, counted from the first reserved one
   */
  public void commit(int[] rows) {
    for (int i = 0; i < rows.length; i++) {
      if (rows[i] < i || rows[i] >= reserved || (i > 0 && rows[i] <= rows[i - 1])) {
        throw new LongformException(
            ErrorClass.INTERNAL,
            "Cannot keep rows %s: they must be increasing, and %d are reserved."
                .formatted(Arrays.toString(rows), reserved));
      }
    }
    RowMover mover = new RowMover(this);
    for (int i = 0; i < rows.length; i++) {
      if (rows[i] != i) {
        mover.move(length + rows[i], length + i);
      }
    }
    mover.finish();
    if (rows.length > 0) {
      held = held.append(length, length + rows.length);
    }
    visible = held;
    length += rows.length;
    reserved = 0;
    pages.drop(pagesUpTo(length), Long.MAX_VALUE);
    endReading();
  }

  /** Gives the reserved rows up, after a failure or a cancellation. */
  public void rollback() {
    room.giveClaimBack();
    reserved = 0;
    visible = held;
    pages.drop(pagesUpTo(length), Long.MAX_VALUE);
    endReading();
  }

  private void endReading() {
    if (reading) {
      reading = false;
      rests++;
      store.endReading();
    }
  }

  /** What one layer sees: the held rows and the reserved ones. */
  public KvView view(int layer) {
    return new KvView(this, layer, length + reserved, visible);
  }

  /** Runs what reads views of this cache, during which no page moves. */
  public void whilePinned(Runnable part) {
    store.beginReading();
    try {
      part.run();
    } finally {
      store.endReading();
    }
  }

  /**
   * What one layer sees if of the reserved rows only these follow the held ones, in this order.
   *
   * @param path rows counted from the first reserved one
   */
  public KvView view(int layer, int[] path) {
    if (path.length == reserved) {
      // all of them, as for a token without guesses: what is seen is known already
      return view(layer);
    }
    long end = length + path.length;
    return new KvView(this, layer, end, held.append(length, end), length, path);
  }

  /** Writes the held rows as they are stored, one after the other. */
  public void writeRows(DataOutput out) throws IOException {
    if (gathered.any()) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot write the rows of a document of %d tokens: they were gathered."
              .formatted(length));
    }
    store.beginReading();
    try {
      new StoredRows(this, held).write(out);
    } finally {
      store.endReading();
    }
  }

  /**
   * Continues a document that another cache of the same shape read: an empty cache takes its length
   * and the rows that {@link #writeRows} wrote there.
   *
   * @throws IOException if {@code in} fails or ends early; the cache is of no use then
   */
  public void readRows(Rows rows, long tokens, DataInput in) throws IOException {
    if (length != 0 || reserved != 0 || rows.groups() != 1 || tokens < 0) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot continue at token %d: the cache has %d rows and %d reserved ones."
              .formatted(tokens, length, reserved));
    }
    for (int i = 0; i < rows.ranges(0); i++) {
      for (long number = rows.start(0, i) / Page.ROWS;
          number < pagesUpTo(rows.end(0, i));
          number++) {
        if (pages.get(number) == null) {
          pages.put(number, store.allocate());
        }
      }
    }
    new StoredRows(this, rows).read(in);
    held = rows;
    visible = rows;
    length = tokens;
  }

  /** A second document with the same past. The rows are shared, not copied. */
  public KvCache fork() {
    KvCache fork = new KvCache(store);
    pages.forEach((index, page) -> fork.pages.put(index, page.hold()));
    fork.held = held;
    fork.visible = held;
    fork.length = length;
    fork.room.sameAs(room);
    fork.gathered = gathered;
    return fork;
  }

  /** Forgets the tokens from {@code newLength} on. */
  public void truncate(long newLength) {
    if (newLength < gathered.length() || newLength > length || reserved != 0) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot truncate to %d tokens: the cache has %d%s."
              .formatted(
                  newLength,
                  length,
                  gathered.any()
                      ? ", of which %d were gathered".formatted(gathered.length())
                      : ""));
    }
    length = newLength;
    held = held.clip(0, newLength);
    visible = held;
    pages.drop(pagesUpTo(length), Long.MAX_VALUE);
    room.changed(newLength / Page.ROWS);
  }

  /** Keeps only the given tokens (one list for all heads); the memory of whole pages is freed. */
  public void retain(Rows kept) {
    if (reserved != 0 || kept.groups() != 1 || !kept.allRanges(this::holdsAll)) {
      throw new LongformException(
          ErrorClass.INVALID_PLAN,
          "Cannot retain %s: the cache holds %s and has %d reserved rows. Retain a part of one list after a commit."
              .formatted(kept, held, reserved));
    }
    dropAllBut(kept);
    held = kept;
    visible = kept;
  }

  /**
   * Keeps only some rows, in each layer and head perhaps others, and moves them to rows 0 to n-1 in
   * their order, so that as many pages stay as n rows need. From then on these rows hold other
   * tokens than those of their numbers, see {@link KvView#token}; new tokens follow behind the last
   * one as ever.
   */
  public void gather(Gathering wanted) {
    if (reserved != 0 || !wanted.fits(shape, held)) {
      throw new LongformException(
          ErrorClass.INVALID_PLAN,
          "Cannot gather %s: the cache holds %s and has %d reserved rows. Gather a part of what is held, equally much in all heads, after a commit."
              .formatted(wanted, held, reserved));
    }
    long needed = pagesUpTo(wanted.count());
    store.beginReading();
    try {
      // all memory first: without it the rows stay as they are
      openPages(0, needed);
      new RowMover(this).move(wanted);
    } finally {
      store.endReading();
    }
    pages.drop(needed, Long.MAX_VALUE);
    gathered = gathered.then(wanted, shape, length);
    held = Rows.range(0, wanted.count());
    visible = held;
    room.changed(0);
  }

  /** Whether rows at the beginning hold other tokens than those of their numbers. */
  boolean isGathered() {
    return gathered.any();
  }

  long token(int layer, int kvHead, long row) {
    return gathered.at(layer, kvHead, row);
  }

  /** Releases the pages of held rows that have no kept one: as much work as pages are dropped. */
  private void dropAllBut(Rows kept) {
    int range = 0;
    for (int i = 0; i < held.ranges(0); i++) {
      long end = pagesUpTo(held.end(0, i));
      for (long number = held.start(0, i) / Page.ROWS; number < end; ) {
        while (range < kept.ranges(0) && pagesUpTo(kept.end(0, range)) <= number) {
          range++;
        }
        boolean any = range < kept.ranges(0);
        pages.drop(number, any ? Math.min(end, kept.start(0, range) / Page.ROWS) : end);
        number = any ? pagesUpTo(kept.end(0, range)) : end;
      }
    }
  }

  private static long pagesUpTo(long row) {
    return (row + Page.ROWS - 1) / Page.ROWS;
  }

  long moves() {
    return pages.moves();
  }

  Map<Integer, KvView.Notes> notes() {
    return notes;
  }

  Page page(long row) {
    return pages.get(row / Page.ROWS);
  }

  private boolean holdsAll(long from, long to) {
    return held.containsRange(0, from, to);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    notes.values().forEach(KvView.Notes::close);
    notes.clear();
    room.giveClaimBack();
    reserved = 0;
    pages.drop(0, Long.MAX_VALUE);
    held = Rows.none();
    visible = held;
    length = 0;
    endReading();
    store.part();
  }
}
