package org.longform.kernels.cache;

import java.util.Arrays;

/**
 * The pages of a document by their number. A lookup is two array reads, also after ten million
 * tokens; where no page is left, 1024 page numbers take one reference.
 */
final class PageTable {
  private static final int BITS = 10;
  private static final int MASK = (1 << BITS) - 1;

  private static final class Stretch {
    final Page[] pages = new Page[MASK + 1];
    int used;
  }

  private Stretch[] stretches = new Stretch[1];
  private long size;
  private long moves;

  /** The page, or null. */
  Page get(long number) {
    long at = number >>> BITS;
    Stretch stretch = at < stretches.length ? stretches[(int) at] : null;
    return stretch == null ? null : stretch.pages[(int) number & MASK];
  }

  /** Puts a page where there was none, or another; that one stays with the caller. */
  void put(long number, Page page) {
    int at = Math.toIntExact(number >>> BITS);
    if (at >= stretches.length) {
      stretches = Arrays.copyOf(stretches, Math.max(at + 1, 2 * stretches.length));
    }
    if (stretches[at] == null) {
      stretches[at] = new Stretch();
    }
    Stretch stretch = stretches[at];
    if (stretch.pages[(int) number & MASK] == null) {
      stretch.used++;
      size++;
    } else {
      moves++;
    }
    stretch.pages[(int) number & MASK] = page;
  }

  /** Releases the pages from number {@code from} to {@code to} (exclusive). */
  void drop(long from, long to) {
    long end = Math.min(to, (long) stretches.length << BITS);
    for (long number = from; number < end; ) {
      int at = (int) (number >>> BITS);
      long next = Math.min(end, (at + 1L) << BITS);
      if (stretches[at] != null) {
        drop(stretches[at], (int) number & MASK, (int) (next - number));
        if (stretches[at].used == 0) {
          stretches[at] = null;
        }
      }
      number = next;
    }
  }

  private void drop(Stretch stretch, int first, int count) {
    for (int i = first; i < first + count; i++) {
      Page page = stretch.pages[i];
      if (page != null) {
        stretch.pages[i] = null;
        stretch.used--;
        size--;
        moves++;
        page.release();
      }
    }
  }

  /** Receives a page and its number. */
  interface Visitor {
    void visit(long number, Page page);
  }

  void forEach(Visitor visitor) {
    for (int at = 0; at < stretches.length; at++) {
      for (int i = 0; stretches[at] != null && i <= MASK; i++) {
        if (stretches[at].pages[i] != null) {
          visitor.visit(((long) at << BITS) + i, stretches[at].pages[i]);
        }
      }
    }
  }

  /** How often a page was dropped, or another one took its place. */
  long moves() {
    return moves;
  }

  /** Number of pages. */
  long size() {
    return size;
  }
}
