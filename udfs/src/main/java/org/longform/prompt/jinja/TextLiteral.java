package org.longform.prompt.jinja;

/** Texts in quotes. */
final class TextLiteral {
  private static final String HEX = "0123456789abcdef";

  private TextLiteral() {}

  /** The text as a literal that {@link #unquoted} reads back. */
  static String quoted(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }

  /** What a literal with its quotes means: the escapes of Python. */
  static String unquoted(String literal) {
    StringBuilder text = new StringBuilder();
    int end = literal.length() - 1;
    for (int i = 1; i < end; i++) {
      char c = literal.charAt(i);
      if (c != '\\' || i + 1 >= end) {
        text.append(c);
        continue;
      }
      char escape = literal.charAt(++i);
      int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
      if (digits > 0) {
        text.appendCodePoint(code(literal, i + 1, digits, end));
        i += digits;
      } else {
        plain(text, escape);
      }
    }
    return text.toString();
  }

  private static void plain(StringBuilder text, char escape) {
    switch (escape) {
      case 'n' -> text.append('\n');
      case 't' -> text.append('\t');
      case 'r' -> text.append('\r');
      case 'f' -> text.append('\f');
      case 'b' -> text.append('\b');
      case 'v' -> text.append('\u000b');
      case 'a' -> text.append('\u0007');
      case '0' -> text.append('\0');
      case '\\', '\'', '"' -> text.append(escape);
      case '\n' -> {
        // the line goes on
      }
      default -> text.append('\\').append(escape);
    }
  }

  private static int code(String literal, int from, int digits, int end) {
    int code = 0;
    for (int i = from; i < from + digits; i++) {
      int digit = i < end ? Character.digit(literal.charAt(i), 16) : -1;
      if (digit < 0) {
        throw TemplateFailure.of("a text has a broken escape (%s)", literal);
      }
      code = code * 16 + digit;
    }
    if (!Character.isValidCodePoint(code)) {
      throw TemplateFailure.of("a text has a broken escape (%s)", literal);
    }
    return code;
  }

  /** As Python's {@code repr}. */
  static String repr(String text) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder literal = new StringBuilder().append(quote);
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '\n' -> literal.append("\\n");
                case '\r' -> literal.append("\\r");
                case '\t' -> literal.append("\\t");
                case '\\' -> literal.append("\\\\");
                default -> {
                  if (c == quote) {
                    literal.append('\\').append(quote);
                  } else if (c < 0x20 || c == 0x7f) {
                    literal.append("\\x").append(hex(c, 2));
                  } else {
                    literal.appendCodePoint(c);
                  }
                }
              }
            });
    return literal.append(quote).toString();
  }

  /** As {@code json.dumps} of Python with {@code ensure_ascii=False}. */
  static String json(String text) {
    StringBuilder literal = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> literal.append("\\\"");
        case '\\' -> literal.append("\\\\");
        case '\n' -> literal.append("\\n");
        case '\r' -> literal.append("\\r");
        case '\t' -> literal.append("\\t");
        case '\b' -> literal.append("\\b");
        case '\f' -> literal.append("\\f");
        default -> {
          if (c < 0x20) {
            literal.append("\\u").append(hex(c, 4));
          } else {
            literal.append(c);
          }
        }
      }
    }
    return literal.append('"').toString();
  }

  /** JSON with an escape for each letter that is not ASCII's. */
  static String ascii(String json) {
    StringBuilder escaped = new StringBuilder();
    for (int i = 0; i < json.length(); i++) {
      char c = json.charAt(i);
      escaped.append(c < 0x7f ? String.valueOf(c) : "\\u" + hex(c, 4));
    }
    return escaped.toString();
  }

  private static String hex(int value, int digits) {
    StringBuilder text = new StringBuilder();
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
      text.append(HEX.charAt(value >> shift & 15));
    }
    return text.toString();
  }
}
