package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.List;

/** A word of an expression. */
record Token(Kind kind, String text) {
  enum Kind {
    NAME,
    TEXT,
    INTEGER,
    DECIMAL,
    OPERATOR,
    END
  }

  private static final List<String> OPERATORS = List.of("//", "**", "==", "!=", "<=", ">=");
  private static final String SINGLE = "+-*/%~<>=.,:|()[]{}";

  boolean is(String operator) {
    return kind == Kind.OPERATOR && text.equals(operator);
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  /**
   * @throws TemplateFailure for a character that no expression has
   */
  static List<Token> all(String expression) {
    List<Token> tokens = new ArrayList<>();
    int at = 0;
    while (at < expression.length()) {
      char c = expression.charAt(at);
      if (Character.isWhitespace(c)) {
        at++;
        continue;
      }
      Token token = next(expression, at);
      tokens.add(token);
      at += token.text.length();
    }
    tokens.add(new Token(Kind.END, ""));
    return tokens;
  }

  private static Token next(String expression, int at) {
    char c = expression.charAt(at);
    if (c == '\'' || c == '"') {
      return new Token(Kind.TEXT, expression.substring(at, endOfText(expression, at)));
    }
    if (c >= '0' && c <= '9') {
      return number(expression, at);
    }
    if (Character.isJavaIdentifierStart(c) && c != '$') {
      int end = at;
      while (end < expression.length() && Character.isJavaIdentifierPart(expression.charAt(end))) {
        end++;
      }
      return new Token(Kind.NAME, expression.substring(at, end));
    }
    for (String operator : OPERATORS) {
      if (expression.startsWith(operator, at)) {
        return new Token(Kind.OPERATOR, operator);
      }
    }
    if (SINGLE.indexOf(c) < 0) {
      throw TemplateFailure.of("it has an unexpected '%s' in '%s'", String.valueOf(c), expression);
    }
    return new Token(Kind.OPERATOR, String.valueOf(c));
  }

  private static int endOfText(String expression, int start) {
    int i = start + 1;
    while (i < expression.length() && expression.charAt(i) != expression.charAt(start)) {
      i += expression.charAt(i) == '\\' ? 2 : 1;
    }
    if (i >= expression.length()) {
      throw TemplateFailure.of("it has a text without an end in '%s'", expression);
    }
    return i + 1;
  }

  private static Token number(String expression, int at) {
    int end = digits(expression, at);
    Kind kind = Kind.INTEGER;
    // "x.0.y" is an index behind an index: a decimal needs a digit behind its point
    if (end + 1 < expression.length()
        && expression.charAt(end) == '.'
        && digits(expression, end + 1) > end + 1) {
      end = digits(expression, end + 1);
      kind = Kind.DECIMAL;
    }
    if (end < expression.length() && Character.toLowerCase(expression.charAt(end)) == 'e') {
      int signed = end + 1;
      if (signed < expression.length() && "+-".indexOf(expression.charAt(signed)) >= 0) {
        signed++;
      }
      if (digits(expression, signed) > signed) {
        end = digits(expression, signed);
        kind = Kind.DECIMAL;
      }
    }
    return new Token(kind, expression.substring(at, end));
  }

  private static int digits(String expression, int from) {
    int end = from;
    while (end < expression.length() && "0123456789_".indexOf(expression.charAt(end)) >= 0) {
      end++;
    }
    return end;
  }
}
