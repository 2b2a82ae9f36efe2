package org.longform.read;

import java.util.concurrent.atomic.LongAccumulator;
import java.util.concurrent.atomic.LongAdder;

/** Running totals of this process. They advance while a document is being read, not after it. */
public final class ReadCounters {
  private final LongAdder documents = new LongAdder();
  private final LongAdder failedRows = new LongAdder();
  private final LongAdder tokensRead = new LongAdder();
  private final LongAdder tokensGenerated = new LongAdder();
  private final LongAdder decodeSteps = new LongAdder();
  private final LongAdder tokensAttended = new LongAdder();
  private final LongAdder answersReused = new LongAdder();
  private final LongAdder prefillNanos = new LongAdder();
  private final LongAdder decodeNanos = new LongAdder();
  private final LongAccumulator peakKvBytes = new LongAccumulator(Math::max, 0);
  private final LongAccumulator peakKvDiskBytes = new LongAccumulator(Math::max, 0);

  public void documentRead() {
    documents.increment();
  }

  /** One document holds so much now. */
  public void kvHeld(long inMemory, long onDisk) {
    peakKvBytes.accumulate(inMemory);
    peakKvDiskBytes.accumulate(onDisk);
  }

  public void tokensAttended(long tokens) {
    tokensAttended.add(tokens);
  }

  public void answersReused(long answers) {
    answersReused.add(answers);
  }

  public void prefilled(long nanos) {
    prefillNanos.add(nanos);
  }

  public void decoded(long nanos) {
    decodeNanos.add(nanos);
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

  public void decodeSteps(long steps) {
    decodeSteps.add(steps);
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

  /** Steps in which generated tokens were read: fewer than those where guesses were right. */
  public long decodeSteps() {
    return decodeSteps.sum();
  }

  public long tokensAttended() {
    return tokensAttended.sum();
  }

  /** Answers that were known already. */
  public long answersReused() {
    return answersReused.sum();
  }

  /** Time that went into reading documents and questions. */
  public long prefillNanos() {
    return prefillNanos.sum();
  }

  /** Time that went into writing answers. */
  public long decodeNanos() {
    return decodeNanos.sum();
  }

  public long peakKvBytes() {
    return peakKvBytes.get();
  }

  public long peakKvDiskBytes() {
    return peakKvDiskBytes.get();
  }
}
