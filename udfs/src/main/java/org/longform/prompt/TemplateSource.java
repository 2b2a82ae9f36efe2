package org.longform.prompt;

/** The text of a template, made ready for the engine. */
final class TemplateSource {
  private static final int LONGEST = 1 << 18;

  /** The engine's parser takes time cubic in this, so it is bounded before it parses. */
  private static final int DEEPEST_BRACKETS = 40;

  private TemplateSource() {}

  /**
   * @throws TemplateFailure for templates that would take the parser too long
   */
  static String prepared(String template) {
    if (template.length() > LONGEST) {
      throw new TemplateFailure(
          "it has %d characters, more than %d".formatted(template.length(), LONGEST));
    }
    checkBrackets(template);
    // Jinja drops one line break at the end of the source; the engine would drop those of the
    // output
    String source =
        template.endsWith("\n") ? template.substring(0, template.length() - 1) : template;
    // the only slice with a step that chat templates use, which the engine does not know
    return source.replace("[::-1]", "|reverse|list");
  }

  private static void checkBrackets(String template) {
    boolean inTag = false;
    int depth = 0;
    for (int i = 0; i + 1 < template.length(); i++) {
      char c = template.charAt(i);
      char next = template.charAt(i + 1);
      if (!inTag) {
        if (c == '{' && (next == '{' || next == '%')) {
          inTag = true;
          depth = 0;
          i++;
        }
      } else if (c == '\'' || c == '"') {
        i = endOfText(template, i);
      } else if (depth == 0 && next == '}' && (c == '}' || c == '%')) {
        inTag = false;
        i++;
      } else if (c == '(' || c == '[' || c == '{') {
        if (++depth > DEEPEST_BRACKETS) {
          throw new TemplateFailure(
              "its brackets are nested deeper than %d".formatted(DEEPEST_BRACKETS));
        }
      } else if (c == ')' || c == ']' || c == '}') {
        depth = Math.max(0, depth - 1);
      }
    }
  }

  private static int endOfText(String template, int start) {
    char quote = template.charAt(start);
    int i = start + 1;
    while (i < template.length() && template.charAt(i) != quote) {
      i += template.charAt(i) == '\\' ? 2 : 1;
    }
    return i;
  }
}
