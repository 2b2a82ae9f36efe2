package org.longform.bench.engines;

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

/** llama.cpp's own benchmark program, a process for each measurement. */
public final class LlamaBench implements Engine {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LONG_TOKENS = 4096;

  private final Path program;
  private final boolean flashAttention;
  private final Path model;
  private final int threads;
  private String build = "";

  private LlamaBench(Path program, boolean flashAttention, Path model, int threads) {
    this.program = program;
    this.flashAttention = flashAttention;
    this.model = model;
    this.threads = threads;
  }

  /**
   * @param program the llama-bench binary
   */
  public static Opener opener(Path program, boolean flashAttention) {
    return new Opener() {
      @Override
      public String name() {
        return LlamaBench.name(flashAttention);
      }

      @Override
      public Engine open(Path model, int threads) {
        return new LlamaBench(program, flashAttention, model, threads);
      }
    };
  }

  private static String name(boolean flashAttention) {
    return "llama-bench fa=" + (flashAttention ? 1 : 0);
  }

  @Override
  public String name() {
    return name(flashAttention);
  }

  @Override
  public String detail() {
    return build;
  }

  @Override
  public double[] tokensPerSecond(Work work, int repetitions) {
    List<String> command =
        new ArrayList<>(
            List.of(
                program.toString(),
                "-m",
                model.toString(),
                "-p",
                Integer.toString(work.writes() ? 0 : work.tokens()),
                "-n",
                Integer.toString(work.writes() ? work.tokens() : 0),
                "-d",
                Integer.toString(work.depth()),
                "-t",
                Integer.toString(threads),
                "-fa",
                flashAttention ? "1" : "0",
                "-r",
                Integer.toString(repetitions),
                "-o",
                "json"));
    if (work.tokens() >= LONG_TOKENS) {
      // what runs for minutes need not be run once more to warm up
      command.add("--no-warmup");
    }
    JsonNode result = run(command);
    build =
        "llama.cpp build %s (commit %s), backends %s, %s"
            .formatted(
                result.path("build_number").asText(),
                result.path("build_commit").asText(),
                result.path("backends").asText(),
                result.path("model_type").asText());
    return samples(result, command);
  }

  /** The rates in one entry of llama-bench's JSON output. */
  static double[] samples(JsonNode result, List<String> command) {
    List<Double> samples = new ArrayList<>();
    result.path("samples_ts").forEach(sample -> samples.add(sample.asDouble()));
    if (samples.isEmpty()) {
      throw failed(command, "its output has no samples_ts");
    }
    return samples.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static JsonNode run(List<String> command) {
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      JsonNode output;
      try (InputStream stream = process.getInputStream()) {
        output = JSON.readTree(stream);
      } finally {
        process.destroy();
      }
      int exit = process.waitFor();
      if (output.size() != 1) {
        throw failed(command, "it ended with %d and %d results".formatted(exit, output.size()));
      }
      return output.get(0);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot run '%s': %s. Set LLAMA_BENCH to a llama-bench binary of this machine."
              .formatted(String.join(" ", command), e.getMessage()),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failed(command, "this thread was interrupted");
    }
  }

  private static LongformException failed(List<String> command, String why) {
    return new LongformException(
        ErrorClass.INTERNAL,
        "Cannot measure with '%s': %s. Run the command by hand to see what it says."
            .formatted(String.join(" ", command), why));
  }

  @Override
  public boolean warms() {
    return true;
  }

  @Override
  public void close() {}
}
