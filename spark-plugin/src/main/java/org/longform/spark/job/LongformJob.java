package org.longform.spark.job;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.error.RootCause;
import org.longform.prompt.Task;
import org.longform.spark.job.ReadCommand.Purpose;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line of Longform and the main class for spark-submit. Exit codes: 0 done, 1 failed, 2
 * wrong arguments.
 */
public final class LongformJob {
  static final int DONE = 0;
  static final int FAILED = 1;
  static final int WRONG_ARGUMENTS = 2;

  private static final int HELP_WIDTH = 110;

  private static final String VERBOSE = "--verbose";

  private LongformJob() {}

  public static void main(String[] arguments) {
    System.exit(run(arguments, new CommandContext(new RuntimeReaders(), System.out, System.err)));
  }

  /** Runs a command and returns its exit code. Nothing is thrown. */
  static int run(String[] arguments, CommandContext context) {
    CommandLine commands = commandLine(context);
    if (arguments.length == 0) {
      // whoever names no command does not know the commands yet
      commands.usage(context.err());
      return WRONG_ARGUMENTS;
    }
    return commands.execute(arguments);
  }

  static CommandLine commandLine(CommandContext context) {
    CommandSpec root = CommandSpec.create().name("longform");
    root.usageMessage()
        .description(
            "Reads documents of any length with a language model and writes a table of answers.")
        .footer("%n'longform <command> --help' shows the options of a command.");
    root.addOption(help());
    addReading(root, context, Purpose.READ);
    CommandSpec plan = CommandSpec.create().name("plan");
    root.addSubcommand("plan", plan);
    plan.usageMessage()
        .description("Say what a reading command would take, without reading.")
        .footer("%n'longform plan <command>' takes the arguments of that command.");
    plan.addOption(help()).addOption(verbose());
    addReading(plan, context, Purpose.PLAN);
    add(
        root,
        "inspect",
        "Show a model, its memory needs and its defaults.",
        new InspectCommand(context));
    add(
        root,
        "compare",
        "Read the same documents with several strategies and show what each is good for.",
        new CompareCommand(context));
    add(root, "tokenize", "Count the tokens of each document.", new TokenizeCommand(context));
    addPlain(
        root,
        "convert",
        "Write a model as GGUF or safetensors, also quantised.",
        new ConvertCommand(context));
    QuantizeCommand.flags()
        .addTo(
            addPlain(
                root,
                "quantize",
                "Write a model with weights of few bits, by a method chosen for it.",
                new QuantizeCommand(context)));
    PruneCommand.flags()
        .addTo(
            addPlain(
                root,
                "prune",
                "Write a model without its least important heads and channels.",
                new PruneCommand(context)));
    addPlain(
        root,
        "merge-lora",
        "Write a model with a LoRA adapter in its weights.",
        new MergeLoraCommand(context));
    addPlain(
        root,
        "articles",
        "Write long synthetic articles with questions and gold answers.",
        new ArticlesCommand(context));
    addPlain(
        root,
        "evaluate",
        "Compare a table of answers with gold answers.",
        new EvaluateCommand(context));
    return new CommandLine(root)
        .setUsageHelpWidth(HELP_WIDTH)
        .setUsageHelpLongOptionsMaxWidth(34)
        .setOut(writer(context.out()))
        .setErr(writer(context.err()))
        .setExecutionStrategy(new CommandLine.RunLast())
        .setParameterExceptionHandler((failure, args) -> wrongArguments(failure, context))
        .setExecutionExceptionHandler(
            (failure, command, parsed) -> failed(failure, parsed, context));
  }

  private static void addReading(CommandSpec parent, CommandContext context, Purpose purpose) {
    add(
        parent,
        "summarize",
        "Write a summary of each document.",
        new ReadCommand(context, Task.SUMMARIZE, purpose));
    add(parent, "ask", "Answer questions about each document.", new AskCommand(context, purpose));
    add(
        parent,
        "classify",
        "Choose one of some labels for each document.",
        new ClassifyCommand(context, purpose));
    add(
        parent,
        "extract",
        "Take facts out of each document as JSON.",
        new ExtractCommand(context, purpose));
    add(
        parent,
        "filter",
        "Say of each document whether a condition is true.",
        new FilterCommand(context, purpose));
    add(
        parent,
        "generate",
        "Continue each text.",
        new ReadCommand(context, Task.GENERATE, purpose));
    add(
        parent,
        "perplexity",
        "Measure how well the model predicts each document.",
        new ReadCommand(context, Task.PERPLEXITY, purpose));
  }

  /** Adds a command that reads with a model and so takes its options. */
  private static void add(CommandSpec root, String name, String description, Object command) {
    OptionFlags.addTo(addPlain(root, name, description, command), 1);
  }

  private static CommandSpec addPlain(
      CommandSpec root, String name, String description, Object command) {
    CommandLine line = new CommandLine(command);
    line.getCommandSpec().name(name);
    line.getCommandSpec()
        .usageMessage()
        .customSynopsis(synopsis(root.qualifiedName(" "), line.getCommandSpec()))
        .description(description)
        .sortOptions(false);
    line.getCommandSpec().addOption(help()).addOption(verbose());
    root.addSubcommand(name, line);
    return line.getCommandSpec();
  }

  // one line: the options of all strategies would fill half a page
  private static String synopsis(String parent, CommandSpec command) {
    StringBuilder line = new StringBuilder(parent + " " + command.name());
    command.options().stream()
        .filter(OptionSpec::required)
        .forEach(
            option -> line.append(" %s=%s".formatted(option.longestName(), option.paramLabel())));
    return line.append(" [options]").toString();
  }

  private static OptionSpec help() {
    return OptionSpec.builder("--help", "-h")
        .usageHelp(true)
        .order(100)
        .description("Show this text.")
        .build();
  }

  private static OptionSpec verbose() {
    return OptionSpec.builder(VERBOSE)
        .type(boolean.class)
        .arity("0")
        .order(99)
        .description("Show where an error came from.")
        .build();
  }

  private static int wrongArguments(ParameterException failure, CommandContext context) {
    String command = failure.getCommandLine().getCommandSpec().qualifiedName(" ");
    String problem = failure.getMessage().strip().replaceAll("\\.$", "");
    context
        .err()
        .println(
            "Cannot run '%s': %s.%s See '%s --help'."
                .formatted(command, problem, meant(failure), command));
    return WRONG_ARGUMENTS;
  }

  /** The known word that is most like an unknown one, as a question. */
  private static String meant(ParameterException failure) {
    if (!(failure instanceof UnmatchedArgumentException unmatched)) {
      return "";
    }
    List<String> known = unmatched.getSuggestions();
    return known.isEmpty() ? "" : " Did you mean '%s'?".formatted(known.get(0));
  }

  private static int failed(Exception failure, ParseResult parsed, CommandContext context) {
    LongformException known = Failures.told(failure);
    context
        .err()
        .println(
            known != null
                ? known.getMessage()
                : "Cannot finish the job: %s. --verbose shows where it came from."
                    .formatted(RootCause.of(failure)));
    if (verbose(parsed)) {
      failure.printStackTrace(context.err());
    }
    return known != null && known.errorClass() == ErrorClass.INVALID_OPTION
        ? WRONG_ARGUMENTS
        : FAILED;
  }

  private static boolean verbose(ParseResult parsed) {
    ParseResult last = parsed;
    while (last.hasSubcommand()) {
      last = last.subcommand();
    }
    return last.hasMatchedOption(VERBOSE);
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(stream, true, StandardCharsets.UTF_8);
  }
}
