package org.longform.spark.conf;

import java.util.HashMap;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.longform.runtime.ProcessMemory;

/** How much memory YARN or Kubernetes gives an executor, by Spark's own rules. */
final class ExecutorContainer {
  private static final long LEAST_OVERHEAD_MIB = 384;

  private ExecutorContainer() {}

  static Map<String, String> settings(SparkConf conf) {
    Map<String, String> settings = new HashMap<>();
    long offHeapMib =
        conf.getBoolean("spark.memory.offHeap.enabled", false)
            ? conf.getSizeAsMb("spark.memory.offHeap.size", "0")
            : 0;
    if (offHeapMib > 0) {
      settings.put(ProcessMemory.OFF_HEAP_BYTES, Long.toString(offHeapMib << 20));
    }
    String master = conf.get("spark.master", "");
    if (master.startsWith("yarn") || master.startsWith("k8s")) {
      long heapMib = conf.getSizeAsMb("spark.executor.memory", "1g");
      long mib =
          heapMib
              + overheadMib(conf, heapMib)
              + offHeapMib
              + conf.getSizeAsMb("spark.executor.pyspark.memory", "0");
      settings.put(ProcessMemory.CONTAINER_BYTES, Long.toString(mib << 20));
    }
    return settings;
  }

  private static long overheadMib(SparkConf conf, long heapMib) {
    double factor = conf.getDouble("spark.executor.memoryOverheadFactor", 0.1);
    long usual = Math.max((long) (factor * heapMib), LEAST_OVERHEAD_MIB);
    return conf.contains("spark.executor.memoryOverhead")
        ? conf.getSizeAsMb("spark.executor.memoryOverhead")
        : usual;
  }
}
