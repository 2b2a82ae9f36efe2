package org.longform.spark.job;

import java.util.List;
import org.longform.prompt.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Asks documents questions; each document is read once for all of them. */
@Command
final class AskCommand extends ReadCommand {
  @Mixin private QuestionArguments asked;

  AskCommand(CommandContext context) {
    super(context, Task.ASK);
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
