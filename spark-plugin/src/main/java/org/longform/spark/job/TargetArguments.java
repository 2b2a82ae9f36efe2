package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.longform.models.ConversionRequest.IfExists;
import picocli.CommandLine.Option;

/** Where a command writes a model. */
final class TargetArguments {
  @Option(
      names = "--to",
      required = true,
      paramLabel = "<path>",
      order = -19,
      description =
          "What to write: a path that ends in .gguf, or else a directory; appears when it is"
              + " complete.")
  private Path target;

  @Option(names = "--overwrite", order = -2, description = "Replace a model that is there already.")
  private boolean overwrite;

  Path target() {
    return target;
  }

  IfExists ifExists() {
    return overwrite ? IfExists.REPLACE : IfExists.REFUSE;
  }

  /** Bytes of what was written. */
  long bytes() throws IOException {
    if (Files.isRegularFile(target)) {
      return Files.size(target);
    }
    long bytes = 0;
    try (Stream<Path> files = Files.list(target)) {
      for (Path file : files.toList()) {
        bytes += Files.size(file);
      }
    }
    return bytes;
  }
}
