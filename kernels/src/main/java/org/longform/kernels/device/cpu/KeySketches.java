package org.longform.kernels.device.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.PageSketches;
import org.longform.kernels.tensor.Memory;

/**
 * For each run of a list the address of its page's sketch, or 0. Sketches that are missing are made
 * here, once for the life of a page, if there is memory for them.
 */
final class KeySketches {
  /** Fewer candidates are faster read than sketched. */
  static final long LEAST_CANDIDATES = 2048;

  /**
   * Queries of one key head that are worth it: beyond them every key is needed by some query, and
   * products cost more than reading.
   */
  static final int MOST_QUERIES = 8;

  private static final int PAGE_WORDS = 2;

  private Memory addresses;
  // runs that were looked at, and those of them that have no sketch yet, in order
  private int size;
  private int[] missing = {};
  private long forgotten;

  /** The claimed sketch of a run. */
  private record Claim(int run, PageSketches sketches) {}

  void update(KvView cache, KeyList runs, long device) {
    if (cache.sketchesForgotten() != forgotten) {
      clear();
      forgotten = cache.sketchesForgotten();
    }
    int[] open =
        IntStream.concat(Arrays.stream(missing), IntStream.range(size, runs.size())).toArray();
    if (open.length == 0) {
      return;
    }
    reserve(runs.size());
    long headBytes = CpuNative.sketchBytes(cache.headDim());
    List<Claim> claims = new ArrayList<>();
    int[] still = new int[open.length];
    int count = 0;
    boolean room = true;
    for (int run : open) {
      set(run, 0);
      if (runs.rows(run) != KvView.pageRows()) {
        continue;
      }
      // one that is refused is enough to know
      PageSketches sketches = room ? cache.sketches(runs.row(run), headBytes) : null;
      room = sketches != null;
      if (room && sketches.isReady(cache.layer())) {
        set(run, sketches.address(cache.layer()));
      } else if (room && sketches.claim(cache.layer())) {
        claims.add(new Claim(run, sketches));
      } else {
        still[count++] = run;
      }
    }
    if (!claims.isEmpty()) {
      make(cache, runs, device, claims);
    }
    missing = Arrays.copyOf(still, count);
    size = runs.size();
  }

  private void make(KvView cache, KeyList runs, long device, List<Claim> claims) {
    CallBuffer buffer = CallBuffer.borrow();
    boolean made = false;
    try {
      buffer.reserve(KvLayout.BYTES + (long) claims.size() * PAGE_WORDS * Long.BYTES);
      long layout = KvLayout.write(cache, buffer);
      long pages = buffer.address();
      for (Claim claim : claims) {
        buffer.put(runs.key(claim.run())).put(claim.sketches().address(cache.layer()));
      }
      CpuHandle.check("sketches", CpuNative.sketch(device, layout, pages, claims.size()));
      made = true;
    } finally {
      buffer.giveBack();
      for (Claim claim : claims) {
        claim.sketches().made(cache.layer(), made);
      }
    }
    for (Claim claim : claims) {
      set(claim.run(), claim.sketches().address(cache.layer()));
    }
  }

  private void set(int run, long address) {
    addresses.putLong((long) run * Long.BYTES, address);
  }

  private void reserve(int runs) {
    long bytes = (long) runs * Long.BYTES;
    if (addresses == null || bytes > addresses.size()) {
      Memory larger = Memory.allocate(2 * bytes);
      if (addresses != null) {
        larger.copyFrom(addresses, 0, 0, (long) size * Long.BYTES);
        addresses.close();
      }
      addresses = larger;
    }
  }

  long address() {
    return addresses == null ? 0 : addresses.address(0);
  }

  /** Forgets all of them. */
  void clear() {
    if (addresses != null) {
      addresses.close();
      addresses = null;
    }
    size = 0;
    missing = new int[0];
  }
}
