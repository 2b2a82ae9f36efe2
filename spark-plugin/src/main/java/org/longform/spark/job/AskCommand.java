package org.longform.spark.job;

import java.util.List;
import org.longform.prompt.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Asks documents questions; each document is read once for all of them. */
@Command
final class AskCommand extends ReadCommand {
  @Mixin private QuestionArguments asked;

  AskCommand(CommandContext context, Purpose purpose) {
    super(context, Task.ASK, purpose);
  }

  @Override
  List<String> questions() {
    asked.requireAny();
    return asked.questions();
  }

  @Override
  String questionsColumn() {
    return asked.column();
  }
}
