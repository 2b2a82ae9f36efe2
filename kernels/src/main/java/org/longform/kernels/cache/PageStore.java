package org.longform.kernels.cache;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * The pages of one document and its forks, wherever they are. A page changes its place only while
 * nobody reads it: kernels work with machine addresses.
 */
final class PageStore {
  private final KvShape shape;
  private final KvMemory budget;
  private final List<Extent> extents = new ArrayList<>();
  private long pagesInMemory;
  private int caches;
  // caches that are between reserving rows and committing them
  private int reading;

  PageStore(KvShape shape, KvMemory budget) {
    this.shape = shape;
    this.budget = budget;
  }

  KvShape shape() {
    return shape;
  }

  /** One more cache uses this store. */
  synchronized void join() {
    if (caches++ == 0) {
      budget.documentOpened();
    }
  }

  synchronized void part() {
    if (--caches == 0) {
      budget.documentClosed();
    }
  }

  /** From now on pages that the caller shares stay where they are. */
  synchronized void beginReading() {
    reading++;
  }

  synchronized void endReading() {
    reading--;
  }

  Page allocate() {
    Page page = new Page(this);
    count(1);
    return page;
  }

  /** A page in memory with the same content. */
  Page copy(Page source) {
    Page page = allocate();
    page.copyFrom(source);
    return page;
  }

  private synchronized void count(int pages) {
    pagesInMemory += pages;
    budget.memoryChanged(pages * Page.bytes(shape));
  }

  /** Whether this document should move pages to disk before it takes so many more. */
  synchronized boolean crowded(long pages) {
    return budget.crowded(pagesInMemory * Page.bytes(shape), pages * Page.bytes(shape));
  }

  synchronized boolean anyOnDisk() {
    return !extents.isEmpty();
  }

  /**
   * Moves a page to disk. To be called while the caller's cache is not reading.
   *
   * @return false if another cache shares the page and may be reading it
   * @throws LongformException OUT_OF_MEMORY if the disk is full or the directory is gone; the page
   *     stays in memory then
   */
  synchronized boolean moveToDisk(Page page) {
    if (page.onDisk()) {
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
    budget.diskChanged(Page.bytes(shape));
    count(-1);
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
  synchronized void freed(Extent.Slot slot) {
    if (slot == null) {
      count(-1);
      return;
    }
    slot.extent().free(slot);
    budget.diskChanged(-Page.bytes(shape));
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
