package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.longform.grammar.JsonSchema;
import org.longform.grammar.Labels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Takes facts out of each document, as JSON that fits labels or a schema. */
@Command
final class ExtractCommand extends ReadCommand {
  @Option(
      names = "--label",
      paramLabel = "<label>",
      order = 20,
      description = "A key of the JSON, with a text or null; may be given several times.")
  private List<String> labels = new ArrayList<>();

  @Option(
      names = "--schema",
      defaultValue = "",
      paramLabel = "<json>",
      order = 21,
      description = "JSON schema of the JSON, instead of labels.")
  private String schema;

  @Option(
      names = "--schema-file",
      paramLabel = "<file>",
      order = 22,
      description = "File with the JSON schema.")
  private Path schemaFile;

  ExtractCommand(CommandContext context, Purpose purpose) {
    super(context, Task.EXTRACT, purpose);
  }

  @Override
  List<String> questions() {
    List<String> given = new ArrayList<>();
    if (!labels.isEmpty()) {
      given.add(Labels.toJson(labels));
    }
    if (!schema.isEmpty()) {
      given.add(schema.strip());
    }
    if (schemaFile != null) {
      given.add(read(schemaFile).strip());
    }
    if (given.size() != 1) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot extract: %d of --label, --schema and --schema-file are given. Give one of them."
              .formatted(given.size()));
    }
    JsonSchema.extracted(given.get(0));
    return given;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '--schema-file': '%s' cannot be read (%s). Name a file with a JSON schema."
              .formatted(file, e.getMessage()),
          e);
    }
  }
}
