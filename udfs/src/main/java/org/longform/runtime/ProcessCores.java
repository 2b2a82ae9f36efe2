package org.longform.runtime;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cores of this process, as Spark was told.
 *
 * @param task cores of one task
 * @param process cores of all tasks that run at once, never more than the machine has
 */
record ProcessCores(int task, int process) {
  private static final Pattern LOCAL = Pattern.compile("local(?:\\[(\\d+|\\*)(?:,\\s*\\d+)?])?");

  static ProcessCores of(Map<String, String> sparkConf) {
    int machine = Runtime.getRuntime().availableProcessors();
    int task = Integer.parseInt(sparkConf.getOrDefault("spark.task.cpus", "1"));
    return new ProcessCores(task, Math.max(1, Math.min(machine, process(sparkConf, machine))));
  }

  private static int process(Map<String, String> sparkConf, int machine) {
    Matcher local = LOCAL.matcher(sparkConf.getOrDefault("spark.master", ""));
    if (local.matches()) {
      String threads = local.group(1);
      return threads == null ? 1 : threads.equals("*") ? machine : Integer.parseInt(threads);
    }
    // a standalone executor takes every core of its worker unless it is told otherwise
    return Integer.parseInt(
        sparkConf.getOrDefault("spark.executor.cores", String.valueOf(machine)));
  }
}
