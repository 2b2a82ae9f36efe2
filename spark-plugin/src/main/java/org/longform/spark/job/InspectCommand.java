package org.longform.spark.job;

import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Shows what a model is and what it needs. */
final class InspectCommand implements Callable<Integer> {
  private final CommandContext context;

  @Spec private CommandSpec command;

  InspectCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    Map<String, String> options = OptionFlags.given(command.commandLine().getParseResult()).toMap();
    context.readers().validate(options);
    context.out().println(context.readers().describe(options));
    return 0;
  }
}
