package org.longform.runtime;

import org.longform.kernels.tensor.Memory;
import org.longform.read.ReadCounters;

/**
 * What this process did since it started.
 *
 * @param modelLoads models loaded, each counted once however many tasks use it
 * @param documents documents read to the end, failed ones included
 * @param failedRows answers that carry an error
 * @param tokensRead tokens of documents and questions
 * @param tokensGenerated tokens written
 * @param tokensAttended cached tokens attended to, summed over blocks
 * @param kvBytes bytes of keys and values in memory right now
 * @param peakKvBytes the most bytes of keys and values one document had in memory
 * @param kvDiskBytes bytes of keys and values on disk right now
 * @param peakKvDiskBytes the most bytes of keys and values one document had on disk
 * @param nativeBytes bytes outside the Java heap right now: keys and values, scratch and what a
 *     device made of weights; files that are mapped do not count
 */
public record RuntimeStats(
    long modelLoads,
    long documents,
    long failedRows,
    long tokensRead,
    long tokensGenerated,
    long tokensAttended,
    long kvBytes,
    long peakKvBytes,
    long kvDiskBytes,
    long peakKvDiskBytes,
    long nativeBytes) {

  static RuntimeStats of(long modelLoads, ReadCounters counters, KvMemories memories) {
    return new RuntimeStats(
        modelLoads,
        counters.documents(),
        counters.failedRows(),
        counters.tokensRead(),
        counters.tokensGenerated(),
        counters.tokensAttended(),
        memories.memoryBytes(),
        counters.peakKvBytes(),
        memories.diskBytes(),
        counters.peakKvDiskBytes(),
        Memory.allocatedBytes());
  }
}
