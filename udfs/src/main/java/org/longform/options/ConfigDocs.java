package org.longform.options;

import java.util.List;
import java.util.stream.Collectors;

/** Writes the configuration page from the declarations. */
public final class ConfigDocs {
  private static final String NONE = "none";

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
                + " applicable at `startup` belongs to whoever starts the Spark application, who"
                + " sets it in its configuration or with a flag of a command; what is applicable at"
                + " `application`, in its configuration alone. No session and no call of a query"
                + " changes either.\n\n"
                + "Spark's own pages show `*********(redacted)` for keys whose name contains"
                + " `token`, such as `spark.longform.maxNewTokens`: they might be secrets. EXPLAIN"
                + " and the plan in the SQL tab show the values that count.\n");
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
        option.applicable() == Option.Applicable.QUERY
            ? OptionNames.callNames(option).stream()
                .map(ConfigDocs::code)
                .collect(Collectors.joining(", "))
            : NONE;
    List<String> cells =
        List.of(
            "<a name=\"" + option.name() + "\"></a>" + code(option.confKey()),
            cell(option.doc() + " " + capitalized(option.expectation()) + "."),
            cell(option.defaultText()),
            keys,
            option.applicable() == Option.Applicable.APPLICATION ? NONE : code(option.flag()),
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
