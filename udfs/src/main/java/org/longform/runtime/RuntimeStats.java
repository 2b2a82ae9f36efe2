package org.longform.runtime;

import org.longform.kernels.tensor.Memory;
import org.longform.read.ReadCounters;

/**
 * What this process did since it started.
 *
 * @param modelLoads models loaded, each counted once however many tasks use it
 * @param modelLoadNanos time that took
 * @param documents documents read to the end, failed ones included
 * @param failedRows answers that carry an error
 * @param answersReused answers that were known already, so that nothing was read for them
 * @param tokensRead tokens of documents and questions
 * @param tokensGenerated tokens written
 * @param decodeSteps steps in which written tokens were read; right guesses spare some
 * @param tokensAttended cached tokens attended to, summed over blocks
 * @param prefillNanos time that went into reading documents and questions, summed over tasks
 * @param decodeNanos time that went into writing answers, summed over tasks
 * @param kvBytes bytes of keys and values in memory right now
 * @param peakKvBytes the most bytes of keys and values one document had in memory
 * @param kvPinnedBytes bytes of keys and values in pinned memory of the host right now
 * @param kvDiskBytes bytes of keys and values on disk right now
 * @param peakKvDiskBytes the most bytes of keys and values one document had on disk
 * @param nativeBytes bytes outside the Java heap right now: keys and values, scratch and what a
 *     device made of weights; files that are mapped do not count
 */
public record RuntimeStats(
    long modelLoads,
    long modelLoadNanos,
    long documents,
    long failedRows,
    long answersReused,
    long tokensRead,
    long tokensGenerated,
    long decodeSteps,
    long tokensAttended,
    long prefillNanos,
    long decodeNanos,
    long kvBytes,
    long peakKvBytes,
    long kvPinnedBytes,
    long kvDiskBytes,
    long peakKvDiskBytes,
    long nativeBytes) {

  static RuntimeStats of(
      long modelLoads, long modelLoadNanos, ReadCounters counters, KvMemories memories) {
    return new RuntimeStats(
        modelLoads,
        modelLoadNanos,
        counters.documents(),
        counters.failedRows(),
        counters.answersReused(),
        counters.tokensRead(),
        counters.tokensGenerated(),
        counters.decodeSteps(),
        counters.tokensAttended(),
        counters.prefillNanos(),
        counters.decodeNanos(),
        memories.memoryBytes(),
        counters.peakKvBytes(),
        memories.pinnedBytes(),
        memories.diskBytes(),
        counters.peakKvDiskBytes(),
        Memory.allocatedBytes());
  }
}
