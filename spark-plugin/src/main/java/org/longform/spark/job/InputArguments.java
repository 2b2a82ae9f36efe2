package org.longform.spark.job;

import java.util.List;
import org.longform.spark.job.input.InputFormat;
import org.longform.spark.job.input.InputSpec;
import picocli.CommandLine.Option;

/** Flags that say where the documents are. */
final class InputArguments {
  @Option(
      names = "--input",
      required = true,
      arity = "1..*",
      paramLabel = "<path>",
      order = 1,
      description = {
        "Directory, file or glob with texts, JATS XML, JSON lines or Parquet, or a Delta table;"
            + " several with commas or blanks between."
      })
  private List<String> input;

  @Option(
      names = "--format",
      defaultValue = "auto",
      paramLabel = "<format>",
      order = 2,
      description =
          "auto, text, jats, json, parquet or delta; auto goes by the ending of each file and"
              + " knows a Delta table by its log. Default: auto.")
  private String format;

  @Option(
      names = "--text-column",
      defaultValue = InputSpec.DEFAULT_TEXT_COLUMN,
      paramLabel = "<column>",
      order = 3,
      description = "Column with the text, in tables and JSON lines. Default: text.")
  private String textColumn;

  @Option(
      names = "--id-column",
      defaultValue = "",
      paramLabel = "<column>",
      order = 4,
      description =
          "Column with the document's name. Default: doc_id if there is one, else the hash of the"
              + " text; a file is named by its path.")
  private String idColumn;

  @Option(
      names = "--limit",
      defaultValue = "" + Integer.MAX_VALUE,
      showDefaultValue = picocli.CommandLine.Help.Visibility.NEVER,
      paramLabel = "<n>",
      order = 5,
      description = "Read only the first so many documents of the input. Default: all.")
  private int limit;

  InputSpec spec() {
    return new InputSpec(
        String.join(",", input), InputFormat.ofWord(format), textColumn, idColumn, "");
  }

  int limit() {
    return Arguments.positive("--limit", limit);
  }
}
