package org.longform.kernels.device.cpu;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.PageSketches;

/**
 * For each run of a list the address of its page's sketch, or 0. Sketches that are missing are made
 * here, once for the life of a page.
 */
final class SketchList {
  /** Fewer candidates are faster read than sketched. */
  static final long LEAST_CANDIDATES = 2048;

  /**
   * Queries of one key head that are worth it: beyond them every key is needed by some query, and
   * products cost more than reading.
   */
  static final int MOST_QUERIES = 8;

  private static final int PAGE_WORDS = 2;

  private final long[] addresses;

  private SketchList(long[] addresses) {
    this.addresses = addresses;
  }

  static SketchList of(KvView cache, RunList runs, long device) {
    long headBytes = CpuNative.sketchBytes(cache.headDim());
    long[] addresses = new long[runs.size()];
    List<PageSketches> missing = new ArrayList<>();
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < addresses.length; i++) {
      if (runs.count(i) == KvView.pageRows()) {
        PageSketches sketches = cache.sketches(runs.row(i), headBytes);
        if (sketches != null && sketches.isReady(cache.layer())) {
          addresses[i] = sketches.address(cache.layer());
        } else if (sketches != null && sketches.claim(cache.layer())) {
          missing.add(sketches);
          places.add(i);
        }
      }
    }
    if (!missing.isEmpty()) {
      make(cache, runs, device, missing, places);
      for (int i = 0; i < missing.size(); i++) {
        addresses[places.get(i)] = missing.get(i).address(cache.layer());
      }
    }
    return new SketchList(addresses);
  }

  private static void make(
      KvView cache, RunList runs, long device, List<PageSketches> missing, List<Integer> places) {
    CallBuffer buffer = CallBuffer.borrow();
    boolean made = false;
    try {
      buffer.reserve(KvLayout.BYTES + (long) missing.size() * PAGE_WORDS * Long.BYTES);
      long layout = KvLayout.write(cache, buffer);
      long pages = buffer.address();
      for (int i = 0; i < missing.size(); i++) {
        buffer.put(runs.address(places.get(i))).put(missing.get(i).address(cache.layer()));
      }
      CpuHandle.check("sketches", CpuNative.sketch(device, layout, pages, missing.size()));
      made = true;
    } finally {
      buffer.giveBack();
      for (PageSketches sketches : missing) {
        sketches.made(cache.layer(), made);
      }
    }
  }

  long bytes() {
    return (long) addresses.length * Long.BYTES;
  }

  void write(CallBuffer target) {
    target.putAll(addresses, addresses.length);
  }
}
