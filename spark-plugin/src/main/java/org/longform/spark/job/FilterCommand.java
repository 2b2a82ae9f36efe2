package org.longform.spark.job;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Says of each document whether conditions are true of it. */
@Command
final class FilterCommand extends ReadCommand {
  @Option(
      names = "--condition",
      required = true,
      paramLabel = "<condition>",
      order = 20,
      description = "What may be true of a document; may be given several times.")
  private List<String> conditions = new ArrayList<>();

  FilterCommand(CommandContext context, Purpose purpose) {
    super(context, Task.FILTER, purpose);
  }

  @Override
  List<String> questions() {
    if (conditions.stream().anyMatch(String::isBlank)) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '--condition': it must not be empty. Give a condition.");
    }
    return List.copyOf(conditions);
  }
}
