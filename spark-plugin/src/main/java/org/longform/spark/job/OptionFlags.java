package org.longform.spark.job;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.options.AllOptions;
import org.longform.options.Option;
import org.longform.options.OptionGroup;
import org.longform.options.Options;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** The declared options as flags of a command, with help from the same declarations. */
final class OptionFlags {
  private OptionFlags() {}

  /** The options that a command line can set: all but those of the application alone. */
  static List<Option<?>> all() {
    return AllOptions.ALL.stream()
        .filter(option -> option.applicable() != Option.Applicable.APPLICATION)
        .toList();
  }

  /** Adds a flag for each option, a chapter of the help for each group. */
  static void addTo(CommandSpec command, int firstOrder) {
    int order = firstOrder;
    for (OptionGroup group : AllOptions.GROUPS) {
      List<Option<?>> options = group.options().stream().filter(all()::contains).toList();
      if (options.isEmpty()) {
        continue;
      }
      ArgGroupSpec.Builder chapter =
          ArgGroupSpec.builder()
              .heading("%n" + group.title() + " options:%n")
              .order(order++)
              .validate(false);
      options.forEach(option -> chapter.addArg(flag(option)));
      command.addArgGroup(chapter.build());
    }
  }

  private static OptionSpec flag(Option<?> option) {
    boolean yesOrNo = option.defaultValue().orElse(null) instanceof Boolean;
    OptionSpec.Builder flag =
        OptionSpec.builder(option.flag())
            .type(List.class)
            .auxiliaryTypes(String.class)
            .paramLabel(yesOrNo ? "true|false" : label(option))
            .arity(yesOrNo ? "0..1" : "1")
            // a percent sign would begin a format of picocli
            .description(help(option).replace("%", "%%"));
    return (yesOrNo ? flag.fallbackValue("true") : flag).build();
  }

  private static String label(Option<?> option) {
    return switch (option.type().expected()) {
      case "a whole number" -> "<n>";
      case "a decimal number" -> "<x>";
      case "a duration such as 90s, 5m or 2h" -> "<time>";
      default -> "<text>";
    };
  }

  private static String help(Option<?> option) {
    String expected = option.type().expected();
    String described = option.doc().endsWith(".") ? option.doc() : option.doc() + ".";
    return "%s %s; default: %s."
        .formatted(
            described,
            Character.toUpperCase(expected.charAt(0)) + expected.substring(1),
            option.defaultText());
  }

  /**
   * The options that were given.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION with flag and value
   */
  static Options given(ParseResult parsed) {
    Map<String, List<String>> flags = new LinkedHashMap<>();
    for (Option<?> option : all()) {
      OptionSpec matched = parsed.matchedOption(option.flag());
      if (matched != null) {
        flags.put(option.flag(), matched.stringValues());
      }
    }
    return Options.ofFlags(flags);
  }
}
