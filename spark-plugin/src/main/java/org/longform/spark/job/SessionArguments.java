package org.longform.spark.job;

import picocli.CommandLine.Option;

/** Flags that say where a command runs. */
final class SessionArguments {
  @Option(
      names = "--master",
      defaultValue = "local[*]",
      paramLabel = "<url>",
      order = 90,
      description =
          "Spark master where the command was not started by spark-submit. Default: local[*], all"
              + " cores of this machine.")
  private String master;

  String master() {
    return master;
  }
}
