package org.longform.kernels.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongPredicate;

/**
 * The pages of a document by their number. Lookups are two array reads, also after ten million
 * tokens; stretches without a page take a reference for every 1024 of them.
 */
final class PageTable {
  private static final int BITS = 10;
  private static final int MASK = (1 << BITS) - 1;

  private final List<Page[]> stretches = new ArrayList<>();
  private int[] used = new int[8];
  private int size;

  /** The page, or null. */
  Page get(long number) {
    long stretch = number >>> BITS;
    if (stretch >= stretches.size()) {
      return null;
    }
    Page[] pages = stretches.get((int) stretch);
    return pages == null ? null : pages[(int) number & MASK];
  }

  /** Puts a page where there was none, or another. */
  void put(long number, Page page) {
    int stretch = Math.toIntExact(number >>> BITS);
    while (stretches.size() <= stretch) {
      stretches.add(null);
    }
    if (used.length < stretches.size()) {
      used = java.util.Arrays.copyOf(used, 2 * stretches.size());
    }
    Page[] pages = stretches.get(stretch);
    if (pages == null) {
      pages = new Page[MASK + 1];
      stretches.set(stretch, pages);
    }
    if (pages[(int) number & MASK] == null) {
      used[stretch]++;
      size++;
    }
    pages[(int) number & MASK] = page;
  }

  /** Releases the pages whose numbers do not satisfy {@code keep}. */
  void retain(LongPredicate keep) {
    for (int stretch = 0; stretch < stretches.size(); stretch++) {
      Page[] pages = stretches.get(stretch);
      for (int i = 0; pages != null && i < pages.length; i++) {
        if (pages[i] != null && !keep.test(((long) stretch << BITS) + i)) {
          pages[i].release();
          pages[i] = null;
          used[stretch]--;
          size--;
        }
      }
      if (used.length > stretch && used[stretch] == 0) {
        stretches.set(stretch, null);
      }
    }
  }

  /** Receives a page and its number. */
  interface Visitor {
    void visit(long number, Page page);
  }

  void forEach(Visitor visitor) {
    for (int stretch = 0; stretch < stretches.size(); stretch++) {
      Page[] pages = stretches.get(stretch);
      for (int i = 0; pages != null && i < pages.length; i++) {
        if (pages[i] != null) {
          visitor.visit(((long) stretch << BITS) + i, pages[i]);
        }
      }
    }
  }

  int size() {
    return size;
  }
}
