package org.longform.prompt.jinja;

/**
 * The text of a template with its white-space marks carried out as Jinja2's lexer does ({@code
 * trim_blocks}, {@code lstrip_blocks}, {@code -} and {@code +} on either side of a tag), and
 * without its comments: what the engine's own white-space rules would do otherwise. What would take
 * the engine too long is refused here.
 */
final class TemplateSource {
  private static final int LONGEST = 1 << 18;
  private static final int DEEPEST_BRACKETS = 40;
  private static final String RAW = "raw";

  private final String template;
  private final StringBuilder text = new StringBuilder();

  /** Whether the last tag took the line break behind it. */
  private boolean atLineStart = true;

  private int at;

  /**
   * @throws TemplateFailure for templates that are too large or have a tag without an end
   */
  TemplateSource(String template) {
    if (template.length() > LONGEST) {
      throw TemplateFailure.of("it has %d characters, more than %d", template.length(), LONGEST);
    }
    String lines = template.replace("\r\n", "\n").replace('\r', '\n');
    // Jinja drops one line break at the end
    this.template = lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines;
    while (at < this.template.length()) {
      next();
    }
  }

  /** The text for the engine. */
  String text() {
    return text.toString();
  }

  private void next() {
    int open = opening(at);
    if (open < 0) {
      data(template.substring(at));
      at = template.length();
      return;
    }
    char kind = template.charAt(open + 1);
    char sign = charAt(open + 2);
    boolean signed = sign == '-' || sign == '+';
    data(before(template.substring(at, open), kind, sign));
    int inner = open + (signed ? 3 : 2);
    if (kind == '#') {
      int end = template.indexOf("#}", inner);
      if (end < 0) {
        throw new TemplateFailure("it has a comment without an end");
      }
      after(end, end > inner ? template.charAt(end - 1) : ' ', kind);
      return;
    }
    String tag = tag(inner, kind);
    if (kind == '%' && word(tag).equals(RAW)) {
      raw();
    } else {
      text.append('{').append(kind).append(' ').append(tag).append(' ');
      text.append(kind == '{' ? '}' : kind).append('}');
    }
  }

  /** The next {@code {{}, {@code {%} or {@code {#}; -1 if there is none. */
  private int opening(int from) {
    int open = template.indexOf('{', from);
    while (open >= 0 && "{%#".indexOf(charAt(open + 1)) < 0) {
      open = template.indexOf('{', open + 1);
    }
    return open;
  }

  private char charAt(int i) {
    return i < template.length() ? template.charAt(i) : ' ';
  }

  /** Text in front of a tag. */
  private String before(String data, char kind, char sign) {
    if (sign == '-') {
      return data.stripTrailing();
    }
    int line = data.lastIndexOf('\n') + 1;
    boolean strips = sign != '+' && kind != '{' && (line > 0 || atLineStart);
    return strips && data.substring(line).isBlank() ? data.substring(0, line) : data;
  }

  /** Goes on behind the two characters at {@code end}, past the white space that they take. */
  private void after(int end, char sign, char kind) {
    at = end + 2;
    atLineStart = false;
    if (sign == '-') {
      while (at < template.length() && Character.isWhitespace(template.charAt(at))) {
        at++;
      }
      atLineStart = template.charAt(at - 1) == '\n';
    } else if (kind != '{' && sign != '+' && charAt(at) == '\n') {
      at++;
      atLineStart = true;
    }
  }

  /** A text that is written as it is. */
  private void data(String data) {
    if (data.endsWith("{")) {
      // or it would open a tag together with what follows
      text.append(data, 0, data.length() - 1).append("{{ '{' }}");
    } else {
      text.append(data);
    }
  }

  /** What stands in a tag; the rest follows at {@link #at}. */
  private String tag(int start, char kind) {
    StringBuilder inner = new StringBuilder();
    char close = kind == '{' ? '}' : kind;
    int depth = 0;
    for (int i = start; i < template.length(); i++) {
      char c = template.charAt(i);
      if (c == '\'' || c == '"') {
        int end = endOfText(i);
        inner.append(template, i, end);
        i = end - 1;
      } else if (depth == 0 && c == close && charAt(i + 1) == '}') {
        char sign = i > start ? template.charAt(i - 1) : ' ';
        boolean signed = sign == '-' || (sign == '+' && kind != '{');
        after(i, sign, kind);
        return inner.substring(0, inner.length() - (signed ? 1 : 0)).strip();
      } else {
        inner.append(c);
        depth += depthOf(c, inner);
        if (depth > DEEPEST_BRACKETS) {
          throw TemplateFailure.of("its brackets are nested deeper than %d", DEEPEST_BRACKETS);
        }
        depth = Math.max(depth, 0);
      }
    }
    throw TemplateFailure.of("it has a tag without an end ('%s')", template.substring(start));
  }

  private static int depthOf(char c, StringBuilder inner) {
    if (c == '{' || c == '}') {
      // the engine takes two in a row for the border of a tag
      inner.append(' ');
    }
    return "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 ? -1 : 0;
  }

  private int endOfText(int start) {
    char quote = template.charAt(start);
    int i = start + 1;
    while (i < template.length() && template.charAt(i) != quote) {
      i += template.charAt(i) == '\\' ? 2 : 1;
    }
    return Math.min(template.length(), i + 1);
  }

  /** Everything up to the end of a raw block, as a text. */
  private void raw() {
    int from = at;
    for (int open = template.indexOf("{%", from);
        open >= 0;
        open = template.indexOf("{%", open + 2)) {
      char sign = charAt(open + 2);
      int inner = open + (sign == '-' || sign == '+' ? 3 : 2);
      int close = template.indexOf("%}", inner);
      if (close >= 0
          && template.substring(inner, close).replace("-", "").strip().equals("endraw")) {
        String data = before(template.substring(from, open), '%', sign);
        text.append("{{ ").append(TextLiteral.quoted(data)).append(" }}");
        after(close, template.charAt(close - 1), '%');
        return;
      }
    }
    throw new TemplateFailure("it has a raw block without an end");
  }

  private static String word(String tag) {
    int end = 0;
    while (end < tag.length() && Character.isJavaIdentifierPart(tag.charAt(end))) {
      end++;
    }
    return tag.substring(0, end);
  }
}
