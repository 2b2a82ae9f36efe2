package org.longform.spark.job;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.longform.kernels.context.Parameter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * The flags of a command that runs methods with parameters: one for each name, which methods that
 * mean the same share.
 */
final class MethodFlags {
  private final Map<String, List<Parameter>> parametersByMethod;

  /**
   * @param parametersByMethod in the order in which people should read them
   */
  MethodFlags(Map<String, List<Parameter>> parametersByMethod) {
    this.parametersByMethod = new LinkedHashMap<>(parametersByMethod);
  }

  void addTo(CommandSpec command) {
    names().forEach(name -> command.addOption(flag(name)));
  }

  private Set<String> names() {
    Set<String> names = new LinkedHashSet<>();
    parametersByMethod.values().forEach(all -> all.forEach(each -> names.add(each.name())));
    return names;
  }

  private OptionSpec flag(String name) {
    Map<String, List<String>> methodsOfText = new LinkedHashMap<>();
    parametersByMethod.forEach(
        (method, parameters) ->
            parameters.stream()
                .filter(each -> each.name().equals(name))
                .forEach(
                    each ->
                        methodsOfText
                            .computeIfAbsent(text(each), key -> new ArrayList<>())
                            .add(method)));
    return OptionSpec.builder("--" + name)
        .type(String.class)
        .paramLabel("<value>")
        .order(0)
        // a percent sign would begin a format of picocli
        .description(
            methodsOfText.entrySet().stream()
                .map(entry -> owners(entry.getValue()) + entry.getKey())
                .collect(Collectors.joining(" "))
                .replace("%", "%%"))
        .build();
  }

  private static String text(Parameter parameter) {
    String values =
        parameter.choices().isEmpty()
            ? ""
            : " One of %s;".formatted(String.join(", ", parameter.choices()));
    return "%s%s default: %s.".formatted(parameter.doc(), values, parameter.defaultText());
  }

  /** Nobody asks whose a flag is where there is one method. */
  private String owners(List<String> methods) {
    return parametersByMethod.size() == 1 ? "" : "(%s) ".formatted(String.join(", ", methods));
  }

  /** What the user wrote, by name. */
  Map<String, String> given(ParseResult parsed) {
    Map<String, String> given = new TreeMap<>();
    for (String name : names()) {
      OptionSpec matched = parsed.matchedOption("--" + name);
      if (matched != null) {
        given.put(name, matched.getValue());
      }
    }
    return given;
  }
}
