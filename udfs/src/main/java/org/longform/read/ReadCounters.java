package org.longform.read;

import java.util.concurrent.atomic.LongAccumulator;
import java.util.concurrent.atomic.LongAdder;

/** Running totals of this process. They advance while a document is being read, not after it. */
public final class ReadCounters {
  private final LongAdder documents = new LongAdder();
  private final LongAdder failedRows = new LongAdder();
  private final LongAdder tokensRead = new LongAdder();
  private final LongAdder tokensGenerated = new LongAdder();
  private final LongAdder tokensAttended = new LongAdder();
  private final LongAccumulator peakKvBytes = new LongAccumulator(Math::max, 0);
  private final LongAccumulator peakKvDiskBytes = new LongAccumulator(Math::max, 0);

  public void documentRead(long attended, long peakBytes, long peakDiskBytes) {
    documents.increment();
    tokensAttended.add(attended);
    peakKvBytes.accumulate(peakBytes);
    peakKvDiskBytes.accumulate(peakDiskBytes);
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

  /** Documents read to the end, failed questions included. */
  public long documents() {
    return documents.sum();
  }

  /** Answers that carry an error. */
  public long failedRows() {
    return failedRows.sum();
  }

  /** Tokens of documents and questions. */
  public long tokensRead() {
    return tokensRead.sum();
  }

  public long tokensGenerated() {
    return tokensGenerated.sum();
  }

  public long tokensAttended() {
    return tokensAttended.sum();
  }

  public long peakKvBytes() {
    return peakKvBytes.get();
  }

  public long peakKvDiskBytes() {
    return peakKvDiskBytes.get();
  }
}
