package org.longform.methods;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.longform.kernels.method.Method;
import org.longform.kernels.method.MethodParameter;

/** Writes the page of strategies from the lists. */
public final class StrategyDocs {
  private StrategyDocs() {}

  /** The whole text of STRATEGIES.md. */
  public static String markdown() {
    return markdown(MethodSections.ALL);
  }

  /** A page of these sections. */
  static String markdown(List<MethodSection> sections) {
    StringBuilder page = new StringBuilder();
    page.append("# Strategies\n\n")
        .append("<!-- Generated from the lists of methods by StrategyDocs. Do not edit. -->\n\n")
        .append(
            "Each method is one file and one line in its list; no model and no device knows any of them by name. "
                + "`ci/longform compare` runs them over the same documents and questions, and `ci/longform inspect` shows "
                + "their parameters for a given model.\n\n");
    sections.forEach(section -> page.append(contents(section)));
    for (MethodSection section : sections) {
      page.append("\n## ").append(section.title()).append("\n\n");
      page.append(section.choosing()).append('\n');
      section.methods().forEach(method -> page.append(chapter(method)));
    }
    return page.toString();
  }

  private static String contents(MethodSection section) {
    return "* [%s](#%s): %s\n"
        .formatted(
            section.title(),
            section.title().toLowerCase(Locale.ROOT).replace(' ', '-'),
            section.methods().stream()
                .map(method -> "[`%s`](#%s)".formatted(method.name(), anchor(method)))
                .collect(Collectors.joining(", ")));
  }

  private static String chapter(Method method) {
    StringBuilder text = new StringBuilder();
    // an anchor of its own: a heading's would collide with a section of the same name
    text.append("\n### <a name=\"%s\"></a>`%s`\n\n".formatted(anchor(method), method.name()));
    text.append(escaped(method.description())).append("\n\n");
    text.append(item("When to use it", escaped(method.whenToUse())));
    text.append(item("Cost", escaped(method.cost())));
    if (!method.tuning().isEmpty()) {
      text.append(item("Tuning", escaped(method.tuning())));
    }
    text.append(item("Source", escaped(method.source()) + "."));
    if (!method.guarantees().isEmpty()) {
      text.append(
          item("Promises, with the defaults", escaped(String.join(" ", method.guarantees()))));
    }
    text.append(item("Not copied from the published code", escaped(method.notCopied())));
    if (!method.parameters().isEmpty()) {
      text.append("\n| Parameter | Description | Default |\n| --- | --- | --- |\n");
      method.parameters().forEach(parameter -> text.append(row(parameter)));
    }
    return text.toString();
  }

  private static String anchor(Method method) {
    return "method-" + method.name();
  }

  private static String item(String what, String text) {
    return "* **" + what + ":** " + text + "\n";
  }

  private static String row(MethodParameter parameter) {
    return "| `%s` | %s | %s |\n"
        .formatted(
            parameter.name(),
            cell(parameter.doc() + " " + capitalized(parameter.expectation()) + "."),
            cell(parameter.defaultText()));
  }

  // a bar or a line break would end the cell
  private static String cell(String text) {
    return escaped(text).replace("|", "\\|").replace("\n", " ");
  }

  // formulas such as a*b*c and names such as k_proj are no emphasis, a < b is no tag
  private static String escaped(String text) {
    return text.replaceAll("([*_<])", "\\\\$1");
  }

  private static String capitalized(String text) {
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }
}
