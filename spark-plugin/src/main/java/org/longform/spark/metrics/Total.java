package org.longform.spark.metrics;

import java.util.function.ToLongFunction;
import org.longform.runtime.RuntimeStats;

/** The numbers that are kept of what an application does. To add one: one line. */
enum Total {
  DOCUMENTS(
      "documents",
      "documents",
      Across.COUNT,
      "Documents read to their end.",
      RuntimeStats::documents),
  FAILED_ROWS(
      "failedRows",
      "answers",
      Across.COUNT,
      "Answers that carry an error.",
      RuntimeStats::failedRows),
  ANSWERS_REUSED(
      "answersReused",
      "answers",
      Across.COUNT,
      "Answers that were known already, so that nothing was read for them.",
      RuntimeStats::answersReused),
  TOKENS_READ(
      "tokensRead",
      "tokens",
      Across.COUNT,
      "Tokens of documents and questions.",
      RuntimeStats::tokensRead),
  TOKENS_GENERATED(
      "tokensGenerated", "tokens", Across.COUNT, "Tokens written.", RuntimeStats::tokensGenerated),
  DECODE_STEPS(
      "decodeSteps",
      "steps",
      Across.COUNT,
      "Steps in which written tokens were read: with a decoding strategy that guesses fewer than tokens.",
      RuntimeStats::decodeSteps),
  TOKENS_ATTENDED(
      "tokensAttended",
      "tokens",
      Across.COUNT,
      "Cached tokens attended to, summed over blocks.",
      RuntimeStats::tokensAttended),
  PREFILL_TIME(
      "prefillTime",
      "ns",
      Across.COUNT,
      "Time that went into reading documents and questions, summed over tasks.",
      RuntimeStats::prefillNanos),
  DECODE_TIME(
      "decodeTime",
      "ns",
      Across.COUNT,
      "Time that went into writing answers, summed over tasks.",
      RuntimeStats::decodeNanos),
  MODEL_LOADS(
      "modelLoads",
      "models",
      Across.COUNT,
      "Models loaded, once for each executor process.",
      RuntimeStats::modelLoads),
  MODEL_LOAD_TIME(
      "modelLoadTime",
      "ns",
      Across.COUNT,
      "Time that went into loading models, summed over executors.",
      RuntimeStats::modelLoadNanos),
  KV_BYTES(
      "kvBytes",
      "bytes",
      Across.NOW,
      "Keys and values in memory, on a card in the card's, right now.",
      RuntimeStats::kvBytes),
  PEAK_KV_BYTES(
      "peakKvBytes",
      "bytes",
      Across.PEAK,
      "The most keys and values that one document had in memory.",
      RuntimeStats::peakKvBytes),
  KV_PINNED_BYTES(
      "kvPinnedBytes",
      "bytes",
      Across.NOW,
      "Keys and values in memory of the host that a card reads, right now.",
      RuntimeStats::kvPinnedBytes),
  KV_DISK_BYTES(
      "kvDiskBytes",
      "bytes",
      Across.NOW,
      "Keys and values on disk right now.",
      RuntimeStats::kvDiskBytes),
  PEAK_KV_DISK_BYTES(
      "peakKvDiskBytes",
      "bytes",
      Across.PEAK,
      "The most keys and values that one document had on disk.",
      RuntimeStats::peakKvDiskBytes),
  NATIVE_BYTES(
      "nativeBytes",
      "bytes",
      Across.NOW,
      "Memory outside the Java heap right now; files that are mapped do not count.",
      RuntimeStats::nativeBytes);

  /** How the numbers of executors become one. */
  enum Across {
    /** Counted since the application began, and added up. */
    COUNT,
    /** As it is right now, added up over the executors there are. */
    NOW,
    /** The largest of all. */
    PEAK
  }

  private final String id;
  private final String unit;
  private final Across across;
  private final String doc;
  private final ToLongFunction<RuntimeStats> value;

  Total(String id, String unit, Across across, String doc, ToLongFunction<RuntimeStats> value) {
    this.id = id;
    this.unit = unit;
    this.across = across;
    this.doc = doc;
    this.value = value;
  }

  /** The same in Spark's metrics and in {@code ai_metrics()}. */
  String id() {
    return id;
  }

  String unit() {
    return unit;
  }

  Across across() {
    return across;
  }

  String doc() {
    return doc;
  }

  long of(RuntimeStats stats) {
    return value.applyAsLong(stats);
  }
}
