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

  /**
   * What keys and values may take of this memory.
   *
   * @param setting that says so
   * @param wasSet by the user, else it was derived
   */
  record Share(String setting, long bytes, boolean wasSet) {}

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
   * Whether keys and values and a model fit.
   *
   * @param modelBytes of the files that will be mapped; 0 if not known yet
   * @return what will go wrong, if anything
   * @throws LongformException INVALID_OPTION if the executor would be killed
   */
  Optional<String> check(Share share, long modelBytes) {
    long kvBytes = share.bytes();
    long fixed = heapBytes + offHeapBytes;
    boolean unlimited = kvBytes == Long.MAX_VALUE;
    if (!unlimited && fixed + kvBytes <= limitBytes - modelBytes) {
      return Optional.empty();
    }
    if (share.wasSet() && !unlimited && (kvBytes > limitBytes || tooLarge(fixed + kvBytes))) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION, sentence("Cannot give", share, modelBytes, fixed));
    }
    if (unlimited) {
      return Optional.of(
          "Keys and values may take any memory (%1$s is unlimited), and %2$s at %3$,d bytes. Set %1$s to a size."
              .formatted(share.setting(), whatHappens(), limitBytes));
    }
    return Optional.of(sentence("It is tight to give", share, modelBytes, fixed));
  }

  private boolean tooLarge(long bytes) {
    return limit == Limit.CONTAINER && bytes > limitBytes;
  }

  private String sentence(String verb, Share share, long modelBytes, long fixed) {
    long missing = fixed + share.bytes() + modelBytes - limitBytes;
    String remedy =
        limit == Limit.CONTAINER
            ? "Raise spark.executor.memoryOverhead by %1$,d MiB or lower %2$s"
            : "Lower spark.executor.memory or %2$s by %1$,d MiB, or raise the limit of the machine or its container";
    return String.format(
            Locale.ROOT,
            "%s keys and values %,d bytes: beside a Java heap of %,d%s and a model of %,d bytes that is more than the executor has, and %s at %,d bytes. ",
            verb,
            share.bytes(),
            heapBytes,
            offHeapBytes > 0 ? " and %,d bytes of Spark's outside it".formatted(offHeapBytes) : "",
            modelBytes,
            whatHappens(),
            limitBytes)
        + String.format(
            Locale.ROOT, remedy + ".", (missing + MEBIBYTE - 1) / MEBIBYTE, share.setting());
  }

  private String whatHappens() {
    return limit == Limit.CONTAINER
        ? "its container ends it"
        : "the machine or its container has no more";
  }
}
