package org.longform.prompt;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The text of a template, made ready for the engine: what the engine would take too long for, or do
 * wrong without a word, is refused here.
 */
final class TemplateSource {
  private static final int LONGEST = 1 << 18;

  /** The engine's parser takes time cubic in this, so it is bounded before it parses. */
  private static final int DEEPEST_BRACKETS = 40;

  private final String template;
  private final Set<String> filters = new LinkedHashSet<>();
  private final Deque<String> blocks = new ArrayDeque<>();

  /**
   * @throws TemplateFailure for templates that the engine cannot render as Jinja does
   */
  TemplateSource(String template) {
    if (template.length() > LONGEST) {
      throw new TemplateFailure(
          "it has %d characters, more than %d".formatted(template.length(), LONGEST));
    }
    this.template = template;
    int at = template.indexOf('{');
    while (at >= 0 && at + 1 < template.length()) {
      char next = template.charAt(at + 1);
      if (next == '#') {
        int end = template.indexOf("#}", at + 2);
        at = end < 0 ? template.length() : end + 2;
      } else if (next == '{' || next == '%') {
        if (next == '%') {
          block(word(at + 2));
        }
        at = endOfTag(at + 2);
      } else {
        at++;
      }
      at = template.indexOf('{', at);
    }
  }

  /** The text for the engine. */
  String text() {
    // Jinja drops one line break at the end of the source; the engine would drop those of the
    // output
    String source =
        template.endsWith("\n") ? template.substring(0, template.length() - 1) : template;
    // the only slice with a step that chat templates use, which the engine does not know
    return source.replace("[::-1]", "|reverse|list");
  }

  /** Names of filters it uses: the engine passes values through filters it does not know. */
  Set<String> filters() {
    return filters;
  }

  private void block(String word) {
    switch (word) {
      case "if", "for" -> blocks.push(word);
      case "endif", "endfor" -> blocks.poll();
      case "else" -> {
        if ("for".equals(blocks.peek())) {
          throw new TemplateFailure("it uses 'else' in a 'for' block, which is not supported");
        }
      }
      default -> {
        // other tags do not matter for that
      }
    }
  }

  /** The identifier at or after {@code at}, past white space and white-space marks. */
  private String word(int at) {
    int start = at;
    while (start < template.length() && " \n\r\t-+".indexOf(template.charAt(start)) >= 0) {
      start++;
    }
    int end = start;
    while (end < template.length() && Character.isJavaIdentifierPart(template.charAt(end))) {
      end++;
    }
    return template.substring(start, end);
  }

  private int endOfTag(int start) {
    int depth = 0;
    for (int i = start; i < template.length(); i++) {
      char c = template.charAt(i);
      char next = i + 1 < template.length() ? template.charAt(i + 1) : ' ';
      if (c == '\'' || c == '"') {
        i = endOfText(i);
      } else if (depth == 0 && next == '}' && (c == '}' || c == '%')) {
        return i + 2;
      } else if (c == '|') {
        filters.add(word(i + 1));
      } else if (c == '(' || c == '[' || c == '{') {
        if (++depth > DEEPEST_BRACKETS) {
          throw new TemplateFailure(
              "its brackets are nested deeper than %d".formatted(DEEPEST_BRACKETS));
        }
      } else if (c == ')' || c == ']' || c == '}') {
        depth = Math.max(0, depth - 1);
      }
    }
    return template.length();
  }

  private int endOfText(int start) {
    char quote = template.charAt(start);
    int i = start + 1;
    while (i < template.length() && template.charAt(i) != quote) {
      i += template.charAt(i) == '\\' ? 2 : 1;
    }
    return i;
  }
}
