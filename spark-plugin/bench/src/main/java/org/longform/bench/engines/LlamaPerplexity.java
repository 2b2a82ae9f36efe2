package org.longform.bench.engines;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** llama.cpp's perplexity program, which lies beside llama-bench. */
public final class LlamaPerplexity {
  /** Tokens it reads at once; it scores the second half of them. */
  public static final int CHUNK = 512;

  private static final Pattern RESULT =
      Pattern.compile("Final estimate: PPL = ([0-9]+(?:\\.[0-9]+)?)");

  private final Path program;

  private LlamaPerplexity(Path program) {
    this.program = program;
  }

  /**
   * The program beside another one.
   *
   * @param llamaBench path of llama-bench
   */
  public static Optional<LlamaPerplexity> beside(Path llamaBench) {
    Path program = llamaBench.resolveSibling("llama-perplexity");
    return Files.isExecutable(program)
        ? Optional.of(new LlamaPerplexity(program))
        : Optional.empty();
  }

  /** Perplexity of a text by a model file. */
  public double of(Path model, Path text, int threads) {
    List<String> command =
        List.of(
            program.toString(),
            "-m",
            model.toString(),
            "-f",
            text.toString(),
            "-c",
            Integer.toString(CHUNK),
            "-t",
            Integer.toString(threads));
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      try {
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return parse(output, command);
      } finally {
        process.destroy();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot run '%s': %s. Build llama-perplexity beside llama-bench."
              .formatted(String.join(" ", command), e.getMessage()),
          e);
    }
  }

  static double parse(String output, List<String> command) {
    Matcher found = RESULT.matcher(output);
    if (!found.find()) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot read the perplexity that '%s' found: it printed none. Run the command by hand to see what it says."
              .formatted(String.join(" ", command)));
    }
    return Double.parseDouble(found.group(1));
  }
}
