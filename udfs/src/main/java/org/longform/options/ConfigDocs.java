package org.longform.options;

import java.util.List;
import java.util.stream.Collectors;

/** Writes the configuration page from the declarations. */
public final class ConfigDocs {
  private ConfigDocs() {}

  /** The whole text of CONFIG.md. */
  public static String markdown() {
    StringBuilder page = new StringBuilder();
    page.append("# Configuration\n\n")
        .append("<!-- Generated from the option declarations by ConfigDocs. Do not edit. -->\n\n")
        .append(
            "Each option can be given in the map of a SQL function (`SQL key`), as a Spark ML"
                + " parameter (the last part of its name), as a flag of the command line, or in the"
                + " Spark configuration (`Name`). The call wins over the Spark configuration, that"
                + " over the model's `generation_config.json`, and that over the default. What is"
                + " applicable at `application` is read from the configuration of the Spark"
                + " application alone.\n");
    for (OptionGroup group : AllOptions.GROUPS) {
      page.append("\n## ").append(group.title()).append("\n\n").append(group.doc()).append("\n\n");
      page.append("| Name | Description | Default | SQL key | CLI flag | Applicable at |\n");
      page.append("| --- | --- | --- | --- | --- | --- |\n");
      group.options().forEach(option -> page.append(row(option)));
    }
    return page.toString();
  }

  private static String row(Option<?> option) {
    String keys =
        OptionNames.callNames(option).stream()
            .map(ConfigDocs::code)
            .collect(Collectors.joining(", "));
    List<String> cells =
        List.of(
            "<a name=\"" + option.name() + "\"></a>" + code(option.confKey()),
            cell(option.doc() + " " + capitalized(option.expectation()) + "."),
            cell(option.defaultText()),
            keys,
            code(option.flag()),
            option.applicable().toString());
    return "| " + String.join(" | ", cells) + " |\n";
  }

  private static String code(String text) {
    return "`" + text + "`";
  }

  // a bar or a line break would end the cell
  private static String cell(String text) {
    return text.replace("|", "\\|").replace("\n", " ");
  }

  private static String capitalized(String text) {
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }
}
