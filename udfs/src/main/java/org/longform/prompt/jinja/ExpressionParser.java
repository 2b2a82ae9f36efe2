package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.prompt.jinja.Expression.Given;

/** Reads expressions with the grammar and the precedences of Jinja2. */
final class ExpressionParser {
  private static final int DEEPEST = 100;
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> NO_ARGUMENT = Set.of("else", "or", "and", "if", "is", "not");

  private final String source;
  private final List<Token> tokens;
  private int at;
  private int depth;

  ExpressionParser(String source) {
    this.source = source;
    this.tokens = Token.all(source);
  }

  /** An expression, or several with commas between them, and nothing behind. */
  Expression whole() {
    Expression expression = tuple();
    end();
    return expression;
  }

  boolean ended() {
    return peek().kind() == Token.Kind.END;
  }

  void end() {
    if (!ended()) {
      throw unexpected();
    }
  }

  /** {@code name}, {@code a, b} or {@code (a, b)}: what is assigned to. */
  List<String> targets() {
    boolean enclosed = accept("(");
    List<String> names = new ArrayList<>();
    do {
      if (peek().is(")")) {
        break;
      }
      String name = name();
      names.add(accept(".") ? name + "." + name() : name);
    } while (accept(","));
    if (enclosed) {
      expect(")");
    }
    return names;
  }

  /** {@code (a, b=1)}: the parameters of a macro, with their defaults. */
  Map<String, Optional<Expression>> parameters() {
    Map<String, Optional<Expression>> parameters = new LinkedHashMap<>();
    expect("(");
    while (!accept(")")) {
      if (!parameters.isEmpty()) {
        expect(",");
      }
      String name = name();
      parameters.put(name, accept("=") ? Optional.of(expression()) : Optional.empty());
    }
    return parameters;
  }

  String name() {
    if (peek().kind() != Token.Kind.NAME) {
      throw unexpected();
    }
    return take().text();
  }

  boolean acceptName(String name) {
    return peek().isName(name) && take() != null;
  }

  boolean accept(String operator) {
    return peek().is(operator) && take() != null;
  }

  void expect(String operator) {
    if (!accept(operator)) {
      throw unexpected();
    }
  }

  boolean opens() {
    return peek().is("(");
  }

  Expression tuple() {
    Expression first = expression();
    if (!peek().is(",")) {
      return first;
    }
    List<Expression> items = new ArrayList<>(List.of(first));
    while (accept(",") && peek().kind() != Token.Kind.END && !peek().is(")")) {
      items.add(expression());
    }
    return new Expression.Tupled(items);
  }

  Expression expression() {
    if (++depth > DEEPEST) {
      throw TemplateFailure.of("its expressions are nested deeper than %d", DEEPEST);
    }
    Expression value = or();
    while (acceptName("if")) {
      Expression condition = or();
      Optional<Expression> otherwise =
          acceptName("else") ? Optional.of(expression()) : Optional.empty();
      value = new Expression.Choice(condition, value, otherwise);
    }
    depth--;
    return value;
  }

  /** An expression without an inline if. */
  Expression or() {
    Expression left = and();
    while (acceptName("or")) {
      left = new Expression.Either(left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (acceptName("and")) {
      left = new Expression.Both(left, not());
    }
    return left;
  }

  private Expression not() {
    if (acceptName("not")) {
      return deeper(() -> new Expression.Not(not()));
    }
    return comparison();
  }

  private Expression deeper(java.util.function.Supplier<Expression> parse) {
    if (++depth > DEEPEST) {
      throw TemplateFailure.of("its expressions are nested deeper than %d", DEEPEST);
    }
    Expression parsed = parse.get();
    depth--;
    return parsed;
  }

  private Expression comparison() {
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    while (true) {
      Token token = peek();
      if (token.kind() == Token.Kind.OPERATOR && COMPARISONS.contains(token.text())) {
        operators.add(take().text());
      } else if (acceptName("in")) {
        operators.add("in");
      } else if (token.isName("not") && tokens.get(at + 1).isName("in")) {
        at += 2;
        operators.add("not in");
      } else {
        return operators.isEmpty() ? first : new Expression.Compared(first, operators, others);
      }
      others.add(sum());
    }
  }

  private Expression sum() {
    Expression left = joined();
    while (peek().is("+") || peek().is("-")) {
      String operator = take().text();
      left = new Expression.Computed(operator, left, joined());
    }
    return left;
  }

  private Expression joined() {
    List<Expression> parts = new ArrayList<>(List.of(product()));
    while (accept("~")) {
      parts.add(product());
    }
    return parts.size() == 1 ? parts.get(0) : new Expression.Joined(parts);
  }

  private Expression product() {
    Expression left = power();
    while (peek().is("*") || peek().is("/") || peek().is("//") || peek().is("%")) {
      String operator = take().text();
      left = new Expression.Computed(operator, left, power());
    }
    return left;
  }

  private Expression power() {
    Expression left = unary(true);
    while (accept("**")) {
      left = new Expression.Computed("**", left, unary(true));
    }
    return left;
  }

  private Expression unary(boolean filtered) {
    Expression value;
    if (peek().is("-") || peek().is("+")) {
      String operator = take().text();
      value = deeper(() -> new Expression.Signed(operator, unary(false)));
    } else {
      value = primary();
    }
    value = postfix(value);
    return filtered ? filters(value) : value;
  }

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      if (accept(".")) {
        Token name = take();
        value =
            switch (name.kind()) {
              case NAME -> new Expression.Attribute(value, name.text());
              case INTEGER ->
                  new Expression.Item(value, new Expression.Constant(integer(name.text())));
              default -> throw unexpected();
            };
      } else if (accept("[")) {
        value = subscript(value);
      } else if (peek().is("(")) {
        value = new Expression.Call(value, given());
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression base) {
    Optional<Expression> from = peek().is(":") ? Optional.empty() : Optional.of(expression());
    if (!accept(":")) {
      expect("]");
      return new Expression.Item(base, from.orElseThrow());
    }
    Optional<Expression> to = bound();
    Optional<Expression> step = accept(":") ? bound() : Optional.empty();
    expect("]");
    return new Expression.Slice(base, from, to, step);
  }

  private Optional<Expression> bound() {
    return peek().is(":") || peek().is("]") ? Optional.empty() : Optional.of(expression());
  }

  /** Filters, tests and calls behind a value. */
  Expression filters(Expression start) {
    Expression value = start;
    while (true) {
      if (accept("|")) {
        value = filter(value);
      } else if (acceptName("is")) {
        value = test(value);
      } else if (peek().is("(")) {
        value = new Expression.Call(value, given());
      } else {
        return value;
      }
    }
  }

  /** A filter whose bar has been read. */
  Expression filter(Expression value) {
    return new Expression.Filtered(value, name(), peek().is("(") ? given() : Given.NOTHING);
  }

  private Expression test(Expression value) {
    boolean negated = acceptName("not");
    String name = name();
    Given given = Given.NOTHING;
    if (peek().is("(")) {
      given = given();
    } else if (startsArgument(peek())) {
      given = new Given(List.of(postfix(primary())), Map.of());
    }
    Expression tested = new Expression.Tested(value, name, given);
    return negated ? new Expression.Not(tested) : tested;
  }

  private static boolean startsArgument(Token token) {
    return switch (token.kind()) {
      case NAME -> !NO_ARGUMENT.contains(token.text());
      case TEXT, INTEGER, DECIMAL -> true;
      case OPERATOR -> token.is("[") || token.is("{");
      case END -> false;
    };
  }

  private Given given() {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    expect("(");
    while (!accept(")")) {
      if (!positional.isEmpty() || !named.isEmpty()) {
        expect(",");
        if (accept(")")) {
          break;
        }
      }
      if (peek().kind() == Token.Kind.NAME && tokens.get(at + 1).is("=")) {
        String name = name();
        expect("=");
        named.put(name, expression());
      } else {
        positional.add(expression());
      }
    }
    return new Given(positional, named);
  }

  private Expression primary() {
    Token token = take();
    return switch (token.kind()) {
      case NAME -> named(token.text());
      case TEXT -> text(token);
      case INTEGER -> new Expression.Constant(integer(token.text()));
      case DECIMAL -> new Expression.Constant(Double.valueOf(token.text().replace("_", "")));
      case OPERATOR -> enclosed(token);
      case END -> throw unexpected();
    };
  }

  private static Expression named(String name) {
    return switch (name) {
      case "true", "True" -> new Expression.Constant(true);
      case "false", "False" -> new Expression.Constant(false);
      case "none", "None" -> new Expression.Constant(null);
      default -> new Expression.Name(name);
    };
  }

  /** Texts in a row are one. */
  private Expression text(Token first) {
    StringBuilder text = new StringBuilder(TextLiteral.unquoted(first.text()));
    while (peek().kind() == Token.Kind.TEXT) {
      text.append(TextLiteral.unquoted(take().text()));
    }
    return new Expression.Constant(text.toString());
  }

  private Expression enclosed(Token opening) {
    if (opening.is("(")) {
      if (accept(")")) {
        return new Expression.Tupled(List.of());
      }
      Expression value = tuple();
      expect(")");
      return value;
    }
    if (opening.is("[")) {
      List<Expression> items = new ArrayList<>();
      while (!accept("]")) {
        if (!items.isEmpty()) {
          expect(",");
          if (accept("]")) {
            break;
          }
        }
        items.add(expression());
      }
      return new Expression.Items(items);
    }
    if (opening.is("{")) {
      return dictionary();
    }
    at--;
    throw unexpected();
  }

  private Expression dictionary() {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!accept("}")) {
      if (!keys.isEmpty()) {
        expect(",");
        if (accept("}")) {
          break;
        }
      }
      keys.add(expression());
      expect(":");
      values.add(expression());
    }
    return new Expression.Dictionary(keys, values);
  }

  private static Long integer(String text) {
    try {
      return Long.valueOf(text.replace("_", ""));
    } catch (NumberFormatException e) {
      throw TemplateFailure.of("the number %s is too large", text);
    }
  }

  private Token peek() {
    return tokens.get(at);
  }

  private Token take() {
    Token token = peek();
    if (token.kind() != Token.Kind.END) {
      at++;
    }
    return token;
  }

  private TemplateFailure unexpected() {
    Token token = peek();
    return token.kind() == Token.Kind.END
        ? TemplateFailure.of("it breaks off in '%s'", source)
        : TemplateFailure.of("it has an unexpected '%s' in '%s'", token.text(), source);
  }
}
