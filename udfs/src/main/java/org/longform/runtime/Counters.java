package org.longform.runtime;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAccumulator;
import java.util.concurrent.atomic.LongAdder;

/** Running totals of this process. They advance while a document is being read, not after it. */
public final class Counters {
  final LongAdder modelLoads = new LongAdder();
  final LongAdder documents = new LongAdder();
  final LongAdder failedRows = new LongAdder();
  final LongAdder tokensRead = new LongAdder();
  final LongAdder tokensGenerated = new LongAdder();
  final LongAdder tokensAttended = new LongAdder();
  final AtomicLong kvBytes = new AtomicLong();
  final LongAccumulator peakKvBytes = new LongAccumulator(Math::max, 0);

  public void modelLoaded() {
    modelLoads.increment();
  }

  public void documentRead(long attended, long peakBytes) {
    documents.increment();
    tokensAttended.add(attended);
    peakKvBytes.accumulate(peakBytes);
  }

  public void rowFailed() {
    failedRows.increment();
  }

  public void tokensRead(long tokens) {
    tokensRead.add(tokens);
  }

  public void tokensGenerated(long tokens) {
    tokensGenerated.add(tokens);
  }

  /** Keys and values came (positive) or went (negative). */
  public void kvBytesChanged(long bytes) {
    kvBytes.addAndGet(bytes);
  }

  public RuntimeStats snapshot() {
    return new RuntimeStats(
        modelLoads.sum(),
        documents.sum(),
        failedRows.sum(),
        tokensRead.sum(),
        tokensGenerated.sum(),
        tokensAttended.sum(),
        kvBytes.get(),
        peakKvBytes.get());
  }
}
