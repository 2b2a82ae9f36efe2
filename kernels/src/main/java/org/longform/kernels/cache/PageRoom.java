package org.longform.kernels.cache;

import java.util.function.BooleanSupplier;
import java.util.function.LongPredicate;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.longform.kernels.error.LongformException;

/** Makes room for the next pages of one document: older ones move to pinned memory or to disk. */
final class PageRoom {
  // the page of the first tokens and the newest full ones are read by every strategy
  private static final long FIRST_PAGES = 1;
  private static final long NEWEST_PAGES = 1;

  private final PageStore store;
  private final PageTable pages;
  // pages before this one moved, or are not here, or shall stay
  private long coldest = FIRST_PAGES;
  // bytes that were promised for the next block
  private long claimed;

  PageRoom(PageStore store, PageTable pages) {
    this.store = store;
    this.pages = pages;
  }

  /**
   * Waits until so many pages are promised to the next block. To be called while the thread reads
   * no document.
   *
   * @param full pages of the document before them
   */
  void claim(long more, long full, BooleanSupplier cancelled) {
    giveClaimBack();
    make(more, full);
    long bytes = more * Page.bytes(store.shape());
    store.claim(bytes, cancelled);
    claimed = bytes;
  }

  boolean isClaimed() {
    return claimed > 0;
  }

  void giveClaimBack() {
    if (claimed > 0) {
      store.settle(claimed);
      claimed = 0;
    }
  }

  /**
   * Moves the oldest pages until there is room for so many more: to pinned memory while there is
   * some. Sketches on a device spare it to read those, and go before others move to disk.
   */
  void make(long more, long full) {
    moveOldest(full, store::moveToPinned, moved -> store.crowded(more) && store.hasPinnedRoom());
    if (store.crowded(more)) {
      dropSketches(more, full);
    }
    moveOldest(full, store::moveToDisk, moved -> store.crowded(more));
  }

  /**
   * Takes memory, perhaps of a device. Where there is none left pages move to pinned memory until
   * there is, then sketches that lie on the device go, and then pages move to disk, if they may.
   *
   * @throws LongformException OUT_OF_MEMORY if there is no room though nothing is left to go
   */
  <T> T take(Supplier<T> taking, long full) {
    for (long count = 1; ; count *= 2) {
      try {
        return taking.get();
      } catch (LongformException e) {
        if (!Patience.isRefusal(e) || !makeSome(count, full)) {
          throw e;
        }
      }
    }
  }

  /** Whether there is more room than before. */
  private boolean makeSome(long count, long full) {
    return moveOldest(full, store::moveToPinned, moved -> moved < count && store.hasPinnedRoom())
            > 0
        || dropAnySketches(count, full)
        || (store.hasDisk() && moveOldest(full, store::moveToDisk, moved -> moved < count) > 0)
        || store.moveOthers(count);
  }

  /**
   * Gives back memory on a device that sketches have, of this document or of those not being read.
   */
  private boolean dropAnySketches(long count, long full) {
    return dropSketches(count, full) || store.dropSketchesOfOthers(count);
  }

  /** As many as have the bytes of so many pages; whether any was there. */
  private boolean dropSketches(long count, long full) {
    // a processor has none, and many pages
    if (!store.hasSketchesOnDevice()) {
      return false;
    }
    long wanted = count * Page.bytes(store.shape());
    long dropped = 0;
    for (long number = 0; number < full && dropped < wanted; number++) {
      Page page = pages.get(number);
      dropped += page == null ? 0 : store.dropSketchesOnDevice(page);
    }
    return dropped > 0;
  }

  /**
   * Moves the oldest pages.
   *
   * @param away moves one, if it may
   * @param more whether another one shall go after so many
   * @return how many went
   */
  private long moveOldest(long full, Predicate<Page> away, LongPredicate more) {
    boolean allMoved = true;
    long moved = 0;
    for (long number = coldest; number < full - NEWEST_PAGES && more.test(moved); number++) {
      Page page = pages.get(number);
      boolean here = page != null && page.isHome();
      boolean went = here && away.test(page);
      moved += went ? 1 : 0;
      allMoved &= went || !here;
      if (allMoved) {
        coldest = number + 1;
      }
    }
    return moved;
  }

  /** Pages from this one on are others now. */
  void changed(long from) {
    coldest = Math.max(FIRST_PAGES, Math.min(coldest, from));
  }

  /** The pages are those of another document. */
  void sameAs(PageRoom other) {
    coldest = other.coldest;
  }
}
