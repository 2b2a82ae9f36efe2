package org.longform.bench.figures;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * What this machine can do at best, as {@code roofline.cpp} measures it.
 *
 * @param floatInstructions what the float32 peak was reached with
 * @param int8Instructions likewise
 * @param rows for each number of threads
 */
record Roofline(String floatInstructions, String int8Instructions, List<Row> rows) {
  /**
   * @param gflops float32, 1e9 operations a second, a multiply-add being two
   * @param gops int8, likewise
   * @param gbytes read from memory, 1e9 a second
   */
  record Row(int threads, double gflops, double gops, double gbytes) {}

  static Roofline measure(Path program) {
    if (program == null) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot measure the roofline: no compiler built it. Install one with ci/setup, or leave the figure out.");
    }
    try {
      Process process =
          new ProcessBuilder(program.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      try (InputStream output = process.getInputStream()) {
        return parse(new ObjectMapper().readTree(output));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot measure the roofline with '%s': %s. Delete it so that ci/bench builds it again."
              .formatted(program, e.getMessage()),
          e);
    }
  }

  static Roofline parse(JsonNode json) {
    List<Row> rows = new ArrayList<>();
    for (JsonNode row : json.path("threads")) {
      rows.add(
          new Row(
              row.path("threads").asInt(),
              row.path("gflops").asDouble(),
              row.path("gops").asDouble(),
              row.path("gbytes").asDouble()));
    }
    return new Roofline(json.path("float32").asText(), json.path("int8").asText(), rows);
  }

  /** The row of so many threads, or of the most that were measured. */
  Row at(int threads) {
    return rows.stream()
        .filter(row -> row.threads() == threads)
        .findFirst()
        .orElse(rows.get(rows.size() - 1));
  }
}
