package org.longform.runtime;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.longform.kernels.cache.KvMemory;
import org.longform.options.CacheOptions;
import org.longform.options.Options;

/** The budgets for keys and values of this process: calls that ask for the same share it. */
final class KvMemories {
  private record Key(long bytes, Path directory) {}

  private final Map<Key, KvMemory> memories = new ConcurrentHashMap<>();
  private volatile Map<String, String> sparkConf = Map.of();

  void configure(Map<String, String> conf) {
    sparkConf = conf;
  }

  KvMemory of(Options options) {
    long bytes = options.find(CacheOptions.KV_MEMORY).orElseGet(KvMemories::besideTheHeap);
    Path directory =
        options
            .find(CacheOptions.KV_DIRECTORY)
            .map(Path::of)
            .orElseGet(() -> roomiest(localDirectories(System.getenv(), sparkConf)));
    return memories.computeIfAbsent(
        new Key(bytes, directory), key -> new KvMemory(key.bytes(), key.directory()));
  }

  /** Half of what the machine, or the container, has beside the Java heap. */
  private static long besideTheHeap() {
    long machine =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    return defaultBytes(machine, Runtime.getRuntime().maxMemory());
  }

  static long defaultBytes(long machine, long heap) {
    // a heap as large as the machine is never filled: else nothing would run here
    return Math.max(machine / 8, (machine - heap) / 2);
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
