package org.longform.kernels.device.nd4j;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.function.Function;

/**
 * Keeps a few scratches for the next calls, since fresh megabytes cost a page fault each. Calls
 * beyond that number get a new one, which is left to the garbage collector.
 */
final class ScratchPool {
  private static final int KEPT = 16;

  private final ArrayBlockingQueue<Scratch> free = new ArrayBlockingQueue<>(KEPT);

  <R> R with(Function<Scratch, R> call) {
    Scratch pooled = free.poll();
    Scratch scratch = pooled == null ? new Scratch() : pooled;
    R result = call.apply(scratch);
    // full: the scratch is dropped. After a failure it is dropped too.
    boolean kept = free.offer(scratch);
    assert kept || free.size() <= KEPT;
    return result;
  }
}
