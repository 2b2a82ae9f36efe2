package org.longform.spark.job;

import java.util.ArrayList;
import java.util.List;
import org.longform.grammar.Labels;
import org.longform.prompt.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Chooses one of some labels for each document. */
@Command
final class ClassifyCommand extends ReadCommand {
  @Option(
      names = "--label",
      required = true,
      paramLabel = "<label>",
      order = 20,
      description = "What is chosen from; given several times.")
  private List<String> labels = new ArrayList<>();

  ClassifyCommand(CommandContext context, Purpose purpose) {
    super(context, Task.CLASSIFY, purpose);
  }

  @Override
  List<String> questions() {
    return List.of(Labels.toJson(Labels.checked("classify", labels)));
  }
}
