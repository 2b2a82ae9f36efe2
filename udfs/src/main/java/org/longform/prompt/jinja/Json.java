package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** JSON as Python's {@code json.dumps} writes it, which models were trained on. */
final class Json {
  private static final int WIDEST_INDENT = 16;

  private final StringBuilder text = new StringBuilder();
  private final int indent;
  private final String comma;
  private final String colon;
  private final boolean sortsKeys;

  private Json(int indent, String comma, String colon, boolean sortsKeys) {
    this.indent = indent;
    this.comma = comma;
    this.colon = colon;
    this.sortsKeys = sortsKeys;
  }

  /** The parameters of Transformers' {@code tojson}. */
  static String text(Object value, Arguments given) {
    Object width = given.named().get("indent");
    if (width == null && given.size() == 1 && given.positional().get(0) instanceof Long first) {
      width = first; // as Jinja2's own filter has it
    }
    long indent = width == null ? -1 : Values.integer(width);
    if (indent > WIDEST_INDENT) {
      throw TemplateFailure.of("tojson indents by %d, more than %d", indent, WIDEST_INDENT);
    }
    List<Object> separators = Values.items(given.get(2, "separators", List.of()));
    boolean own = separators.size() == 2;
    Json json =
        new Json(
            (int) Math.max(-1, indent),
            own ? Values.text(separators.get(0)) : indent < 0 ? ", " : ",",
            own ? Values.text(separators.get(1)) : ": ",
            given.truth(3, "sort_keys", false));
    json.write(value, 1);
    return Values.truth(given.named().get("ensure_ascii"))
        ? TextLiteral.ascii(json.text.toString())
        : json.text.toString();
  }

  private void write(Object value, int depth) {
    if (value instanceof Map<?, ?> map) {
      List<Object> keys = new ArrayList<>(map.keySet());
      if (sortsKeys) {
        keys.sort(Comparator.comparing(Values::text));
      }
      enclose(
          "{}",
          keys,
          depth,
          key -> {
            text.append(TextLiteral.json(Values.text(key))).append(colon);
            write(map.get(key), depth + 1);
          });
    } else if (value instanceof List<?> list) {
      enclose("[]", list, depth, each -> write(each, depth + 1));
    } else {
      text.append(scalar(value));
    }
    Rendering.requireRoom(text.length());
  }

  private void enclose(String brackets, List<?> items, int depth, Consumer<Object> each) {
    text.append(brackets.charAt(0));
    boolean first = true;
    for (Object item : items) {
      text.append(first ? "" : comma);
      first = false;
      newLine(depth);
      each.accept(item);
    }
    if (!items.isEmpty()) {
      newLine(depth - 1);
    }
    text.append(brackets.charAt(1));
  }

  private void newLine(int depth) {
    if (indent >= 0) {
      text.append('\n').append(" ".repeat(indent * depth));
    }
  }

  private static String scalar(Object value) {
    if (value == null) {
      return "null";
    }
    if (value instanceof String text) {
      return TextLiteral.json(text);
    }
    if (value instanceof Boolean || value instanceof Long) {
      return value.toString();
    }
    if (value instanceof Double number) {
      return Values.decimal(number);
    }
    if (value instanceof Undefined missing) {
      throw missing.failure();
    }
    throw TemplateFailure.of("tojson cannot write a %s", Values.type(value));
  }
}
