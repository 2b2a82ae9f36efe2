package org.longform.kernels.cache;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemorySource;

/**
 * The pages of one document and its forks, wherever they are. A page changes its place only while
 * nobody reads it: kernels work with machine addresses.
 */
final class PageStore {
  private final KvShape shape;
  private final KvMemory budget;
  private final MemorySource source;
  private final Optional<MemorySource> pinned;
  private final List<Extent> extents = new ArrayList<>();
  // those where rows may be written, oldest first
  private final Set<Page> home = new LinkedHashSet<>();
  private long pinnedPages;
  private long pinnedMoves;
  private long sketchBytes;
  // of one page in memory of the host; 0 until a device made the first there
  private long sketchBytesPerPage;
  // a device had no memory for sketches, or took it back: its document is not the one to ask again
  private boolean sketchesRefused;
  private final Set<Page> sketched = new LinkedHashSet<>();
  private long sketchesForgotten;
  private long pages;
  private int caches;
  // caches that are between reserving rows and committing them
  private int reading;

  /**
   * @param source of the memory of pages that rows are written to
   * @param pinned source of memory that is read as that is, but slowly, and not zeroed; if there is
   *     such
   */
  PageStore(KvShape shape, KvMemory budget, MemorySource source, Optional<MemorySource> pinned) {
    this.shape = shape;
    this.budget = budget;
    this.source = source;
    this.pinned = pinned;
  }

  MemorySource source() {
    return source;
  }

  KvMemory budget() {
    return budget;
  }

  KvShape shape() {
    return shape;
  }

  /** One more cache uses this store. */
  synchronized void join() {
    if (caches++ == 0) {
      budget.documentOpened(this);
    }
  }

  synchronized void part() {
    if (--caches == 0) {
      budget.documentClosed(this);
    }
  }

  /** From now on pages that the caller shares stay where they are. */
  synchronized void beginReading() {
    reading++;
    budget.documentStirs();
  }

  synchronized void endReading() {
    reading--;
    budget.documentRests();
  }

  synchronized Page allocate() {
    Page page = new Page(this);
    pages++;
    home.add(page);
    budget.memoryChanged(Page.bytes(shape));
    return page;
  }

  /** A page in memory with the same content. */
  Page copy(Page source) {
    Page page = allocate();
    page.copyFrom(source);
    return page;
  }

  /** Whether this document should move pages to disk before it takes so many more. */
  synchronized boolean crowded(long more) {
    // a sketch is small and spares reading its page from the disk, so it comes before pages
    long sketches = (pages + more - sketched.size()) * sketchBytesPerPage;
    return budget.crowded(memoryBytes(), more * Page.bytes(shape) + sketches);
  }

  private long memoryBytes() {
    return home.size() * Page.bytes(shape) + sketchBytes;
  }

  /** Whether there is a place on disk. */
  boolean hasDisk() {
    return budget.directory().isPresent();
  }

  /** Whether there is a place for one more page in pinned memory. */
  boolean hasPinnedRoom() {
    return pinned.isPresent() && budget.hasPinnedRoom(Page.bytes(shape));
  }

  /** See {@link KvMemory#dropSketchesOnDevice}. */
  boolean dropSketchesOfOthers(long pages) {
    return budget.dropSketchesOnDevice(this, pages * Page.bytes(shape));
  }

  /** See {@link KvMemory#moveAway}. */
  boolean moveOthers(long pages) {
    return (hasDisk() || hasPinnedRoom()) && budget.moveAway(this, pages * Page.bytes(shape));
  }

  /** See {@link KvMemory#claim}. */
  void claim(long bytes, BooleanSupplier cancelled) {
    budget.claim(this, bytes, cancelled);
  }

  void settle(long bytes) {
    budget.settle(bytes);
  }

  /** Sketches of one page, counted; null if there is no memory for them. */
  synchronized PageSketches newSketches(Page page, long headBytes, MemorySource from) {
    long bytes = PageSketches.bytes(shape, headBytes);
    if (from == MemorySource.HOST) {
      sketchBytesPerPage = bytes;
    }
    if (sketchesRefused || !budget.takeFree(bytes)) {
      return null;
    }
    PageSketches sketches;
    try {
      sketches = new PageSketches(shape, headBytes, from);
    } catch (LongformException e) {
      budget.memoryChanged(-bytes);
      // keys can be read without; what the host refuses is an error as ever
      if (from == MemorySource.HOST || !Patience.isRefusal(e)) {
        throw e;
      }
      sketchesRefused = true;
      return null;
    }
    sketchBytes += bytes;
    sketched.add(page);
    return sketches;
  }

  synchronized void sketchesDropped(Page page, long bytes) {
    sketchBytes -= bytes;
    sketchesForgotten++;
    sketched.remove(page);
    budget.memoryChanged(-bytes);
  }

  /** Whether any sketches lie in memory of a device; those of a document lie all there or none. */
  synchronized boolean hasSketchesOnDevice() {
    return !sketched.isEmpty() && sketched.iterator().next().sketchedOnDevice();
  }

  /**
   * Gives memory of a device that sketches have to what needs it more. To be called while the
   * caller's cache is not reading.
   *
   * @return how much, if it may
   */
  synchronized long dropSketchesOnDevice(Page page) {
    if (!page.sketchedOnDevice() || (page.shared() && reading > 0)) {
      return 0;
    }
    long bytes = page.sketchBytes();
    page.dropSketches();
    sketchesRefused = true;
    return bytes;
  }

  /** The same of all pages, until so much is free; nothing while this document is being read. */
  synchronized long dropSketchesOnDevice(long bytes) {
    long dropped = 0;
    for (Page page : reading > 0 ? List.<Page>of() : List.copyOf(sketched)) {
      dropped += dropped < bytes ? dropSketchesOnDevice(page) : 0;
    }
    return dropped;
  }

  /** How often the sketches of a page were dropped. */
  synchronized long sketchesForgotten() {
    return sketchesForgotten;
  }

  /**
   * Moves pages away for another document, oldest first: to pinned memory where there is room,
   * which the device's sketches of them spare it to read, else to disk.
   *
   * @param keptBytes what may stay
   * @param enough whether no more has to go
   * @return false if nothing may move because this document is being read right now
   */
  synchronized boolean giveUp(long keptBytes, BooleanSupplier enough) {
    if (reading > 0) {
      return false;
    }
    BooleanSupplier done = () -> memoryBytes() <= keptBytes || enough.getAsBoolean();
    forEach(home, this::moveToPinned, () -> done.getAsBoolean() || !hasPinnedRoom());
    forEach(sketched, this::dropSketchesOnDevice, done);
    forEach(home, this::moveToDisk, () -> done.getAsBoolean() || !hasDisk());
    // they can be made again when the document is read on
    forEach(sketched, Page::dropSketches, done);
    return true;
  }

  /** Of a list that {@code what} may shorten. */
  private static void forEach(Set<Page> some, Consumer<Page> what, BooleanSupplier done) {
    for (Page page : List.copyOf(some)) {
      if (done.getAsBoolean()) {
        return;
      }
      what.accept(page);
    }
  }

  synchronized boolean anyOnDisk() {
    return !extents.isEmpty();
  }

  synchronized boolean anyPinned() {
    return pinnedPages > 0;
  }

  /** How often a page was moved to pinned memory: whoever noted where it was must look again. */
  synchronized long pinnedMoves() {
    return pinnedMoves;
  }

  /**
   * Moves a page to pinned memory, from where its device goes on reading it. To be called while the
   * caller's cache is not reading.
   *
   * @return false if there is no room, or if another cache shares the page and may be reading it
   */
  synchronized boolean moveToPinned(Page page) {
    if (!page.isHome() || (page.shared() && reading > 0)) {
      return !page.isHome();
    }
    long bytes = Page.bytes(shape);
    if (pinned.isEmpty() || !budget.takePinned(bytes)) {
      return false;
    }
    Memory target;
    try {
      target = pinned.get().allocate(bytes);
    } catch (LongformException e) {
      budget.pinnedChanged(-bytes);
      if (!Patience.isRefusal(e)) {
        throw e;
      }
      budget.pinnedRefused(e);
      return false;
    }
    page.moveTo(target);
    home.remove(page);
    pinnedPages++;
    pinnedMoves++;
    budget.memoryChanged(-bytes);
    return true;
  }

  /**
   * Moves a page to disk. To be called while the caller's cache is not reading.
   *
   * @return false if another cache shares the page and may be reading it
   * @throws LongformException OUT_OF_MEMORY if the disk is full or the directory is gone; the page
   *     stays in memory then
   */
  synchronized boolean moveToDisk(Page page) {
    if (!page.isHome()) {
      return true;
    }
    if (page.shared() && reading > 0) {
      return false;
    }
    Extent.Slot slot;
    try {
      slot = extentWithRoom().write(page.memory());
    } catch (IOException e) {
      closeEmptyExtents();
      throw new LongformException(
          ErrorClass.OUT_OF_MEMORY,
          "Cannot move keys and values to disk: %s (%,d bytes are there, %,d in memory, directory %s). Give option kv_directory a place with more room, or kv_memory more."
              .formatted(
                  e, budget.diskBytes(), budget.memoryBytes(), budget.directory().orElse(null)),
          e);
    }
    page.moveTo(slot);
    home.remove(page);
    budget.diskChanged(Page.bytes(shape));
    budget.memoryChanged(-Page.bytes(shape));
    return true;
  }

  private Extent extentWithRoom() throws IOException {
    for (Extent extent : extents) {
      if (!extent.full()) {
        return extent;
      }
    }
    Extent extent = Extent.create(shape, budget.openFile());
    extents.add(extent);
    return extent;
  }

  /** A page that nobody holds any more gives its place back. */
  synchronized void freed(Page page) {
    pages--;
    page.dropSketches();
    if (home.remove(page)) {
      budget.memoryChanged(-Page.bytes(shape));
    } else if (page.isPinned()) {
      pinnedPages--;
      budget.pinnedChanged(-Page.bytes(shape));
    } else {
      budget.diskChanged(-Page.bytes(shape));
    }
    page.free();
    closeEmptyExtents();
  }

  private void closeEmptyExtents() {
    extents.removeIf(
        extent -> {
          boolean empty = extent.empty();
          if (empty) {
            extent.close();
          }
          return empty;
        });
  }

  /** See {@link KvCache#passed}. */
  synchronized void passed(int layer, KvCache.Advice forget, KvCache.Advice fetch) {
    for (Extent extent : extents) {
      if (extent.wasTouched()) {
        extent.advise(layer, forget);
        extent.advise((layer + 1) % shape.layers(), fetch);
      }
    }
  }
}
