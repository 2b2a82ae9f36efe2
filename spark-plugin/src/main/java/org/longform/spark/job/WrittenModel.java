package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;

/** What commands that write a model have in common. */
final class WrittenModel {
  private WrittenModel() {}

  /**
   * A type of weights by its name.
   *
   * @throws LongformException INVALID_OPTION naming the flag and the known types
   */
  static DType type(String flag, String word) {
    return Arrays.stream(DType.values())
        .filter(each -> each.name().equalsIgnoreCase(word))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use option '%s': '%s' is unknown (known: %s). Change it or leave it out."
                        .formatted(
                            flag,
                            word,
                            Arrays.stream(DType.values())
                                .map(each -> each.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", ")))));
  }

  /** Bytes of a file, or of all files of a directory. */
  static long bytes(Path target) throws IOException {
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
