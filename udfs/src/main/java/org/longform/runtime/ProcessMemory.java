package org.longform.runtime;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * The memory of this process: where it ends, and what is spoken for beside the model.
 *
 * @param limitBytes of the container Spark asked for, of the control group, or of the machine:
 *     whichever is least
 * @param limit what ends there
 * @param heapBytes the Java heap at its largest
 * @param offHeapBytes Spark's own memory outside the heap
 */
public record ProcessMemory(long limitBytes, Limit limit, long heapBytes, long offHeapBytes) {
  /** Key of what YARN or Kubernetes gives an executor, in bytes: the sum of Spark's settings. */
  public static final String CONTAINER_BYTES = "longform.container.bytes";

  /** Key of {@code spark.memory.offHeap.size} in bytes, where Spark uses it. */
  public static final String OFF_HEAP_BYTES = "longform.offheap.bytes";

  private static final long LEAST = 64L << 20;
  private static final long MEBIBYTE = 1L << 20;

  /** What happens at the limit. */
  public enum Limit {
    /** The executor is killed. */
    CONTAINER,
    /** The machine swaps, or the control group of the process kills it. */
    MACHINE
  }

  static ProcessMemory of(Map<String, String> settings) {
    // counts the limit of a control group, version 1 or 2, as the machine's memory
    long machine =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    long container =
        Optional.ofNullable(settings.get(CONTAINER_BYTES))
            .map(Long::parseLong)
            .orElse(Long.MAX_VALUE);
    return new ProcessMemory(
        Math.min(machine, container),
        container <= machine ? Limit.CONTAINER : Limit.MACHINE,
        Runtime.getRuntime().maxMemory(),
        Long.parseLong(settings.getOrDefault(OFF_HEAP_BYTES, "0")));
  }

  /** For keys and values, unless a user says otherwise: half of what is free. */
  long kvBytes() {
    long free = (limitBytes - heapBytes - offHeapBytes) / 2;
    // a heap as large as the machine is never filled: else nothing would run there
    return Math.max(limit == Limit.CONTAINER ? LEAST : limitBytes / 8, free);
  }

  /**
   * Whether a budget and a model fit.
   *
   * @param kvBytes the budget for keys and values, as the user set it or as derived
   * @param modelBytes of the files that will be mapped; 0 if not known yet
   * @return what will go wrong, if anything
   * @throws LongformException INVALID_OPTION if the executor would be killed
   */
  Optional<String> check(long kvBytes, boolean kvBytesWereSet, long modelBytes) {
    long fixed = heapBytes + offHeapBytes;
    boolean unlimited = kvBytes == Long.MAX_VALUE;
    if (!unlimited && fixed + kvBytes <= limitBytes - modelBytes) {
      return Optional.empty();
    }
    if (kvBytesWereSet && !unlimited && (kvBytes > limitBytes || tooLarge(fixed + kvBytes))) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION, sentence("Cannot give", kvBytes, modelBytes, fixed));
    }
    if (unlimited) {
      return Optional.of(
          "Keys and values may take any memory (spark.longform.kvMemory is unlimited), and %s at %,d bytes. Set spark.longform.kvMemory to a size."
              .formatted(whatHappens(), limitBytes));
    }
    return Optional.of(sentence("It is tight to give", kvBytes, modelBytes, fixed));
  }

  private boolean tooLarge(long bytes) {
    return limit == Limit.CONTAINER && bytes > limitBytes;
  }

  private String sentence(String verb, long kvBytes, long modelBytes, long fixed) {
    long missing = fixed + kvBytes + modelBytes - limitBytes;
    String remedy =
        limit == Limit.CONTAINER
            ? "Raise spark.executor.memoryOverhead by %,d MiB or lower spark.longform.kvMemory"
            : "Lower spark.executor.memory or spark.longform.kvMemory by %,d MiB, or raise the limit of the machine or its container";
    return String.format(
        Locale.ROOT,
        "%s keys and values %,d bytes: beside a Java heap of %,d%s and a model of %,d bytes that is more than the executor has, and %s at %,d bytes. "
            + remedy
            + ".",
        verb,
        kvBytes,
        heapBytes,
        offHeapBytes > 0 ? " and %,d bytes of Spark's outside it".formatted(offHeapBytes) : "",
        modelBytes,
        whatHappens(),
        limitBytes,
        (missing + MEBIBYTE - 1) / MEBIBYTE);
  }

  private String whatHappens() {
    return limit == Limit.CONTAINER
        ? "its container ends it"
        : "the machine or its container has no more";
  }
}
