package org.longform.prompt;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.filter.AdvancedFilter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** JSON with the spaces of Python's {@code json.dumps}, which models were trained on. */
final class ToJsonFilter implements AdvancedFilter {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int WIDEST_INDENT = 16;

  @Override
  public String getName() {
    return "tojson";
  }

  @Override
  public Object filter(
      Object value, JinjavaInterpreter interpreter, Object[] args, Map<String, Object> named) {
    Object indent = args.length > 0 ? args[0] : named.get("indent");
    int width = indent instanceof Number number ? number.intValue() : -1;
    if (width > WIDEST_INDENT) {
      throw new TemplateFailure("tojson indents by " + width + ", more than " + WIDEST_INDENT);
    }
    StringBuilder text = new StringBuilder();
    write(text, value, width, 1);
    return text.toString();
  }

  private static void write(StringBuilder text, Object value, int indent, int depth) {
    if (value instanceof Map<?, ?> map) {
      List<Runnable> entries = new ArrayList<>();
      map.forEach(
          (key, entry) ->
              entries.add(
                  () -> {
                    text.append(scalar(String.valueOf(key))).append(": ");
                    write(text, entry, indent, depth + 1);
                  }));
      enclose(text, "{}", entries, indent, depth);
    } else if (value instanceof Iterable<?> list) {
      List<Runnable> entries = new ArrayList<>();
      list.forEach(each -> entries.add(() -> write(text, each, indent, depth + 1)));
      enclose(text, "[]", entries, indent, depth);
    } else {
      text.append(scalar(value));
    }
  }

  private static void enclose(
      StringBuilder text, String brackets, List<Runnable> entries, int indent, int depth) {
    text.append(brackets.charAt(0));
    for (int i = 0; i < entries.size(); i++) {
      text.append(i == 0 ? "" : indent < 0 ? ", " : ",");
      newLine(text, indent, depth);
      entries.get(i).run();
    }
    if (!entries.isEmpty()) {
      newLine(text, indent, depth - 1);
    }
    text.append(brackets.charAt(1));
  }

  private static void newLine(StringBuilder text, int indent, int depth) {
    if (indent >= 0) {
      text.append('\n').append(" ".repeat(indent * depth));
    }
  }

  private static String scalar(Object value) {
    try {
      return JSON.writeValueAsString(
          value == null || value instanceof Number || value instanceof Boolean
              ? value
              : value.toString());
    } catch (JsonProcessingException e) {
      throw new TemplateFailure("tojson cannot write a value");
    }
  }
}
