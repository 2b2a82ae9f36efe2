package org.longform.spark.job;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.longform.datasets.tasks.CorpusGenerator;
import org.longform.datasets.tasks.CorpusRequest;
import org.longform.datasets.tasks.NeedleRequest;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.ModelOptions;
import org.longform.read.DocumentReader;
import picocli.CommandLine.Option;

/** Writes a corpus of long synthetic articles with questions and gold answers. */
final class ArticlesCommand implements Callable<Integer> {
  private final CommandContext context;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "<file>",
      order = -20,
      description = "File for the articles, one JSON line each; appears when it is complete.")
  private Path output;

  @Option(
      names = "--lengths",
      required = true,
      split = ",",
      paramLabel = "<tokens>",
      order = -19,
      description = "Lengths of the articles in tokens of the bundled model, separated by commas.")
  private List<Long> lengths;

  @Option(
      names = "--articles",
      defaultValue = "1",
      paramLabel = "<n>",
      order = -18,
      description = "Articles of each length. Default: 1.")
  private int articles;

  @Option(
      names = "--seed",
      defaultValue = "0",
      paramLabel = "<text>",
      order = -17,
      description = "The same seed gives the same articles. Default: 0.")
  private String seed;

  @Option(
      names = "--needles",
      defaultValue = "0",
      paramLabel = "<n>",
      order = -16,
      description =
          "Write the evaluation articles of the bundled model's card instead: of the exact lengths,"
              + " with n questions at each of five depths. The card has 8.")
  private int needles;

  @Option(names = "--overwrite", order = -15, description = "Replace a file that is there already.")
  private boolean overwrite;

  ArticlesCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws IOException {
    Path file = output.toAbsolutePath();
    if (Files.exists(file) && !overwrite) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot write '%s': it is there already. Name another file, or give --overwrite."
              .formatted(output));
    }
    Files.createDirectories(file.getParent());
    Path partial = file.resolveSibling(file.getFileName() + ".partial");
    try (OutputStream out = Files.newOutputStream(partial)) {
      write(out);
    }
    Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING);
    context
        .out()
        .printf("Wrote articles of %s tokens, %,d bytes: %s%n", lengths, Files.size(file), output);
    return 0;
  }

  private void write(OutputStream out) throws IOException {
    try {
      if (needles == 0) {
        CorpusGenerator.write(CorpusRequest.of(seed, lengths, articles), out);
        return;
      }
      DocumentReader bundled =
          context.readers().reader(Map.of("model", ModelOptions.BUNDLED_MODEL));
      for (long length : lengths) {
        NeedleRequest card = NeedleRequest.ofCard(Math.toIntExact(length));
        CorpusGenerator.write(
            new NeedleRequest(card.lengthTokens(), card.depths(), needles, card.firstArticle()),
            text ->
                1 + Math.toIntExact(bundled.countTokens(text)), // the begin-of-text token counts
            out);
      }
    } catch (IllegalArgumentException e) {
      throw new LongformException(ErrorClass.INVALID_OPTION, e.getMessage(), e);
    }
  }
}
