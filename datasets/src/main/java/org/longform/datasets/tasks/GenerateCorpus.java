package org.longform.datasets.tasks;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;

/** Writes a corpus of synthetic articles from the command line: SEED LENGTHS ARTICLES FILE. */
public final class GenerateCorpus {
  private static final String USAGE = "Give: SEED LENGTH[,LENGTH...] ARTICLES_PER_LENGTH FILE";

  private GenerateCorpus() {}

  public static void main(String[] args) throws IOException {
    try {
      Path file = run(args);
      System.out.println("Wrote " + file + " (" + Files.size(file) + " bytes)");
    } catch (IllegalArgumentException e) {
      System.err.println(e.getMessage());
      System.exit(2);
    }
  }

  static Path run(String... args) throws IOException {
    if (args.length != 4) {
      throw new IllegalArgumentException(
          "Cannot generate a corpus: four arguments are needed (%d given). %s"
              .formatted(args.length, USAGE));
    }
    List<Long> lengths = Arrays.stream(args[1].split(",")).map(GenerateCorpus::number).toList();
    CorpusRequest request = CorpusRequest.of(args[0], lengths, Math.toIntExact(number(args[2])));
    Path file = Path.of(args[3]).toAbsolutePath();
    Path partial = file.resolveSibling(file.getFileName() + ".partial");
    try (OutputStream out = Files.newOutputStream(partial)) {
      CorpusGenerator.write(request, out);
    }
    return Files.move(
        partial, file, StandardCopyOption.REPLACE_EXISTING); // appears only when it is complete
  }

  private static long number(String text) {
    if (!text.matches("[0-9]{1,9}")) {
      throw new IllegalArgumentException(
          "Cannot generate a corpus: a whole number of at most nine digits is expected ('%s'). %s"
              .formatted(text, USAGE));
    }
    return Long.parseLong(text);
  }
}
