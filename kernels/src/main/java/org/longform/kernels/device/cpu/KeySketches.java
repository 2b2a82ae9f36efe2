package org.longform.kernels.device.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.PageSketches;
import org.longform.kernels.cache.Patience;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;

/**
 * For each run of a list the address of its page's sketch, or 0. Sketches that are missing are made
 * here, once for the life of a page, if there is memory for them. Both lie where the device reads
 * keys.
 */
final class KeySketches {
  private static final int PAGE_WORDS = 2;

  private final MemoryOwner owner;
  private final MemorySource source;
  private Memory addresses;
  // runs that were looked at, and those of them that have no sketch yet, in order
  private int size;
  private int[] missing = {};
  // there was no memory for one: until another page comes none is asked for again
  private boolean refused;
  private long forgotten;

  /** The claimed sketch of a run. */
  private record Claim(int run, PageSketches sketches) {}

  /**
   * @param owner of the device's own memory; null if it has none
   * @param source of memory that the device reads
   */
  KeySketches(MemoryOwner owner, MemorySource source) {
    this.owner = owner;
    this.source = source;
  }

  void update(KvView cache, KeyList runs, long device) {
    if (cache.sketchesForgotten() != forgotten) {
      clear();
      forgotten = cache.sketchesForgotten();
    }
    boolean asked = refused || missing.length == 0;
    if (size == runs.size() && asked) {
      return;
    }
    int[] open =
        IntStream.concat(Arrays.stream(missing), IntStream.range(size, runs.size())).toArray();
    if (!reserve(runs.size())) {
      return;
    }
    long headBytes = CpuNative.sketchBytes(cache.headDim());
    long[] found = new long[open.length];
    List<Claim> claims = new ArrayList<>();
    int[] still = new int[open.length];
    int count = 0;
    refused = false;
    for (int i = 0; i < open.length; i++) {
      int run = open[i];
      if (runs.rows(run) != KvView.pageRows()) {
        continue;
      }
      if (!cache.isWhole(runs.row(run))) {
        still[count++] = run;
        continue;
      }
      // one that is refused is enough to know
      PageSketches sketches = refused ? null : cache.sketches(runs.row(run), headBytes, source);
      refused = sketches == null;
      if (!refused && sketches.isReady(cache.layer())) {
        found[i] = sketches.address(cache.layer(), owner);
      } else if (!refused && sketches.claim(cache.layer())) {
        claims.add(new Claim(run, sketches));
        found[i] = sketches.address(cache.layer(), owner);
      } else {
        still[count++] = run;
      }
    }
    if (!claims.isEmpty()) {
      make(cache, runs, device, claims);
    }
    note(open, found);
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
        buffer.put(runs.key(claim.run())).put(claim.sketches().address(cache.layer(), owner));
      }
      CpuHandle.check("sketches", CpuNative.sketch(device, layout, pages, claims.size()));
      made = true;
    } finally {
      buffer.giveBack();
      for (Claim claim : claims) {
        claim.sketches().made(cache.layer(), made);
      }
    }
  }

  /** Writes what was found, runs that follow each other together: memory of a device is far. */
  private void note(int[] runs, long[] found) {
    for (int i = 0; i < runs.length; ) {
      int end = i + 1;
      while (end < runs.length && runs[end] == runs[end - 1] + 1) {
        end++;
      }
      long[] stretch = Arrays.copyOfRange(found, i, end);
      // none is what the list has from the beginning
      if (Arrays.stream(stretch).anyMatch(address -> address != 0)) {
        addresses.writeLongs((long) runs[i] * Long.BYTES, stretch, stretch.length);
      }
      i = end;
    }
  }

  /** Whether there is a list for so many runs. */
  private boolean reserve(int runs) {
    long bytes = (long) runs * Long.BYTES;
    if (addresses != null && bytes <= addresses.size()) {
      return true;
    }
    Memory larger;
    try {
      larger = source.allocate(2 * bytes);
    } catch (LongformException e) {
      if (owner == null || !Patience.isRefusal(e)) {
        throw e;
      }
      // a full device reads the keys of these
      clear();
      size = runs;
      refused = true;
      return false;
    }
    if (addresses != null) {
      larger.copyFrom(addresses, 0, 0, (long) size * Long.BYTES);
      addresses.close();
    }
    addresses = larger;
    return true;
  }

  long address() {
    return addresses == null ? 0 : addresses.address(0, owner);
  }

  /** Forgets all of them. */
  void clear() {
    if (addresses != null) {
      addresses.close();
      addresses = null;
    }
    size = 0;
    missing = new int[0];
    refused = false;
  }
}
