package org.longform.runtime;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.device.Devices;
import org.longform.kernels.error.LongformException;
import org.longform.options.CacheOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Option;
import org.longform.options.Options;

/** The budgets for keys and values of this process: calls that ask for the same share it. */
final class KvMemories {
  private record Key(long bytes, long pinnedBytes, Path directory) {}

  // of the memory that the device of some options has beside the process's
  private final Function<Options, OptionalLong> deviceBytes;
  private final Map<Key, KvMemory> memories = new ConcurrentHashMap<>();
  private volatile Map<String, String> sparkConf = Map.of();
  private volatile ProcessMemory process = ProcessMemory.of(Map.of());

  KvMemories() {
    this(KvMemories::bytesOfDevice);
  }

  KvMemories(Function<Options, OptionalLong> deviceBytes) {
    this.deviceBytes = deviceBytes;
  }

  void configure(Map<String, String> conf) {
    sparkConf = conf;
    process = ProcessMemory.of(conf);
  }

  /** Bytes of the memory that the device of these options works in. */
  long budgetBytes(Options options) {
    return options
        .find(CacheOptions.KV_MEMORY)
        .orElseGet(() -> deviceBytes.apply(options).orElseGet(() -> process.kvBytes()));
  }

  /** Bytes of the process's memory for what has no room on the device. */
  long pinnedBytes(Options options) {
    return deviceBytes.apply(options).isEmpty()
        ? 0
        : options.find(CacheOptions.KV_PINNED_MEMORY).orElseGet(() -> process.kvBytes());
  }

  /** None of a device that cannot be used: whoever reads on it is told. */
  private static OptionalLong bytesOfDevice(Options options) {
    try {
      return Devices.choose(options.get(ModelOptions.DEVICE)).memoryBytes();
    } catch (LongformException e) {
      return OptionalLong.empty();
    }
  }

  /** What keys and values may take of the process's memory. */
  ProcessMemory.Share processShare(Options options) {
    boolean beside = deviceBytes.apply(options).isPresent();
    Option<Long> setting = beside ? CacheOptions.KV_PINNED_MEMORY : CacheOptions.KV_MEMORY;
    return new ProcessMemory.Share(
        setting.confKey(),
        beside ? pinnedBytes(options) : budgetBytes(options),
        options.isSet(setting));
  }

  KvMemory of(Options options) {
    long bytes = budgetBytes(options);
    Path directory =
        options
            .find(CacheOptions.KV_DIRECTORY)
            .map(Path::of)
            .orElseGet(() -> roomiest(localDirectories(System.getenv(), sparkConf)));
    return memories.computeIfAbsent(
        new Key(bytes, pinnedBytes(options), directory),
        key -> new KvMemory(key.bytes(), key.pinnedBytes(), key.directory()));
  }

  /** Bytes of keys and values in memory now, whatever budget they count against. */
  long memoryBytes() {
    return memories.values().stream().mapToLong(KvMemory::memoryBytes).sum();
  }

  long pinnedBytes() {
    return memories.values().stream().mapToLong(KvMemory::pinnedBytes).sum();
  }

  long diskBytes() {
    return memories.values().stream().mapToLong(KvMemory::diskBytes).sum();
  }

  /** Where Spark's executors keep their own temporary files, by Spark's own rules. */
  static List<String> localDirectories(Map<String, String> environment, Map<String, String> conf) {
    String yarn = environment.containsKey("CONTAINER_ID") ? environment.get("LOCAL_DIRS") : null;
    String executor = environment.get("SPARK_EXECUTOR_DIRS");
    if (yarn == null && executor != null) {
      return List.of(executor.split(System.getProperty("path.separator")));
    }
    return Stream.of(
            yarn,
            environment.get("SPARK_LOCAL_DIRS"),
            conf.get("spark.local.dir"),
            System.getProperty("java.io.tmpdir"))
        .filter(directories -> directories != null && !directories.isBlank())
        .findFirst()
        .map(directories -> Stream.of(directories.split(",")).map(String::strip).toList())
        .orElseThrow();
  }

  private static Path roomiest(List<String> directories) {
    return directories.stream()
        .map(Path::of)
        .max(Comparator.comparingLong(directory -> directory.toFile().getUsableSpace()))
        .orElseThrow();
  }
}
