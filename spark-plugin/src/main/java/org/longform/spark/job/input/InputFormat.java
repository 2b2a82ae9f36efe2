package org.longform.spark.job.input;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** How a file holds documents. */
public enum InputFormat {
  /** Each file by its ending; a directory with a Delta log is a Delta table. */
  AUTO(),
  /** One document in each file, UTF-8. */
  TEXT("txt", "text", "md", "markdown"),
  /** One JATS article in each file. */
  JATS("xml", "nxml"),
  /** One document in each line. */
  JSON("json", "jsonl", "ndjson", "json.gz", "jsonl.gz", "ndjson.gz"),
  /** One document in each row. */
  PARQUET("parquet"),
  /** One document in each row; a path names a table, not a file. */
  DELTA();

  private final List<String> endings;

  InputFormat(String... endings) {
    this.endings = List.of(endings);
  }

  /** The word users write. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * @throws LongformException INVALID_OPTION listing the known words
   */
  public static InputFormat ofWord(String word) {
    return Arrays.stream(values())
        .filter(format -> format.word().equalsIgnoreCase(word.strip()))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use option '--format': its value is unknown ('%s'). Give one of %s."
                        .formatted(word, words())));
  }

  static String words() {
    return Arrays.stream(values()).map(InputFormat::word).collect(Collectors.joining(", "));
  }

  /** The format of a file, by its ending. */
  static Optional<InputFormat> ofFile(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return Arrays.stream(values())
        .filter(format -> format.endings.stream().anyMatch(end -> lower.endsWith("." + end)))
        .findFirst();
  }

  static String endings() {
    return Arrays.stream(values())
        .flatMap(format -> format.endings.stream())
        .map(ending -> "." + ending)
        .collect(Collectors.joining(" "));
  }
}
