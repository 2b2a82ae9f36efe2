package org.longform.prompt.jinja;

import com.hubspot.jinjava.tree.ExpressionNode;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.parse.ExpressionToken;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/** What the nodes of a template's tree mean. */
final class NodeRenderer {
  private static final String BODY = "the text of a block";

  private final Rendering rendering;

  NodeRenderer(Rendering rendering) {
    this.rendering = rendering;
  }

  String render(List<Node> nodes) {
    try {
      return all(nodes);
    } catch (LoopControl e) {
      throw new TemplateFailure("it leaves a loop outside of one");
    }
  }

  /** Whether a set tag has its value in it. */
  static boolean assigns(String helpers) {
    try {
      ExpressionParser parser = new ExpressionParser(helpers);
      parser.targets();
      return parser.accept("=");
    } catch (TemplateFailure e) {
      return true; // what is wrong with it is said when it is rendered
    }
  }

  private String all(List<Node> nodes) {
    StringBuilder text = new StringBuilder();
    for (Node node : nodes) {
      rendering.step();
      try {
        text.append(one(node));
      } catch (LoopControl e) {
        throw e.behind(text);
      }
      rendering.room(text.length());
    }
    rendering.built(text.length());
    return text.toString();
  }

  private String one(Node node) {
    if (node instanceof TagNode tag) {
      return tag(tag);
    }
    if (node instanceof ExpressionNode) {
      return Values.text(rendering.value(((ExpressionToken) node.getMaster()).getExpr()));
    }
    return node.getMaster().getImage();
  }

  private String tag(TagNode tag) {
    return switch (tag.getName()) {
      case "if" -> choice(tag);
      case "for" -> loop(tag);
      case "set" -> set(tag);
      case "macro" -> macro(tag);
      case "call" -> call(tag);
      case "filter" -> filter(tag);
      case "with" -> with(tag);
      case "generation" -> all(tag.getChildren());
      case "break" -> throw new LoopControl(LoopControl.Kind.BREAK);
      case "continue" -> throw new LoopControl(LoopControl.Kind.CONTINUE);
      default ->
          throw TemplateFailure.of("it has the tag '%s' in a place of its own", tag.getName());
    };
  }

  private static boolean isTag(Node node, String... names) {
    return node instanceof TagNode tag && Arrays.asList(names).contains(tag.getName());
  }

  /** Children from a place up to the next tag of one of these names, or the end. */
  private static List<Node> until(List<Node> nodes, int from, String... names) {
    int end = from;
    while (end < nodes.size() && !isTag(nodes.get(end), names)) {
      end++;
    }
    return nodes.subList(from, end);
  }

  private String choice(TagNode tag) {
    List<Node> nodes = new ArrayList<>(tag.getChildren());
    String condition = tag.getHelpers();
    int at = 0;
    while (true) {
      List<Node> branch = until(nodes, at, "elif", "else");
      if (condition == null || Values.truth(rendering.value(condition))) {
        return all(branch);
      }
      at += branch.size() + 1;
      if (at > nodes.size()) {
        return "";
      }
      TagNode next = (TagNode) nodes.get(at - 1);
      condition = next.getName().equals("else") ? null : next.getHelpers();
    }
  }

  private String loop(TagNode tag) {
    ExpressionParser parser = new ExpressionParser(tag.getHelpers());
    List<String> targets = parser.targets();
    if (!parser.acceptName("in")) {
      throw TemplateFailure.of("it has a loop without 'in' ('%s')", tag.getHelpers());
    }
    Expression all = parser.or();
    Optional<Expression> condition =
        parser.acceptName("if") ? Optional.of(parser.expression()) : Optional.empty();
    parser.end();
    List<Object> items = new ArrayList<>();
    for (Object item : Values.items(rendering.value(all))) {
      if (condition.isEmpty() || holds(condition.get(), targets, item)) {
        items.add(item);
      }
    }
    List<Node> nodes = new ArrayList<>(tag.getChildren());
    List<Node> body = until(nodes, 0, "else");
    if (!items.isEmpty()) {
      return repeated(targets, items, body);
    }
    return all(nodes.subList(Math.min(nodes.size(), body.size() + 1), nodes.size()));
  }

  private boolean holds(Expression condition, List<String> targets, Object item) {
    Scope scope = rendering.scope().inner();
    assign(targets, item, scope::put);
    return rendering.in(scope, () -> Values.truth(rendering.value(condition)));
  }

  private String repeated(List<String> targets, List<Object> items, List<Node> body) {
    Loop loop = new Loop(items);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < items.size(); i++) {
      rendering.step();
      loop.moveTo(i);
      Scope scope = rendering.scope().inner();
      scope.put("loop", loop);
      assign(targets, items.get(i), scope::put);
      try {
        text.append(rendering.in(scope, () -> all(body)));
      } catch (LoopControl e) {
        text.append(e.text());
        if (e.kind() == LoopControl.Kind.BREAK) {
          break;
        }
      }
      rendering.room(text.length());
    }
    return text.toString();
  }

  /** Gives a value, or its parts, to names. */
  private static void assign(List<String> targets, Object value, BiConsumer<String, Object> put) {
    if (targets.size() == 1) {
      put.accept(targets.get(0), value);
      return;
    }
    List<Object> parts = Values.items(value);
    if (parts.size() != targets.size()) {
      throw TemplateFailure.of("it wants %d values of %d", targets.size(), parts.size());
    }
    for (int i = 0; i < parts.size(); i++) {
      put.accept(targets.get(i), parts.get(i));
    }
  }

  private String set(TagNode tag) {
    ExpressionParser parser = new ExpressionParser(tag.getHelpers());
    List<String> targets = parser.targets();
    if (parser.accept("=")) {
      Expression value = parser.tuple();
      parser.end();
      assign(targets, rendering.value(value), this::setTarget);
    } else {
      Scope scope = rendering.scope().inner();
      scope.put(BODY, rendering.in(scope, () -> all(tag.getChildren())));
      Expression value = parser.filters(new Expression.Name(BODY));
      parser.end();
      assign(targets, rendering.in(scope, () -> rendering.value(value)), this::setTarget);
    }
    return "";
  }

  private void setTarget(String target, Object value) {
    int point = target.indexOf('.');
    if (point < 0) {
      rendering.scope().put(target, value);
    } else if (rendering.scope().find(target.substring(0, point)) instanceof Namespace namespace) {
      namespace.set(target.substring(point + 1), value);
    } else {
      throw TemplateFailure.of("it sets '%s', which is no namespace's", target);
    }
  }

  private String macro(TagNode tag) {
    ExpressionParser parser = new ExpressionParser(tag.getHelpers());
    String name = parser.name();
    Map<String, Optional<Expression>> parameters = parser.parameters();
    parser.end();
    rendering.scope().put(name, function(name, parameters, tag.getChildren()));
    return "";
  }

  /** What renders nodes with its arguments as variables. */
  private TemplateFunction function(
      String name, Map<String, Optional<Expression>> parameters, List<Node> nodes) {
    Scope defined = rendering.scope();
    return (given, same) ->
        rendering.called(
            () -> {
              Scope scope = defined.inner();
              return rendering.in(
                  scope,
                  () -> {
                    bind(name, parameters, given, scope);
                    return render(nodes);
                  });
            });
  }

  private void bind(
      String name, Map<String, Optional<Expression>> parameters, Arguments given, Scope scope) {
    int place = 0;
    for (Map.Entry<String, Optional<Expression>> parameter : parameters.entrySet()) {
      String each = parameter.getKey();
      Object value;
      if (given.has(place, each)) {
        value = given.get(place, each, null);
      } else if (parameter.getValue().isPresent()) {
        value = rendering.value(parameter.getValue().get());
      } else {
        value = new Undefined("parameter '%s'".formatted(each));
      }
      scope.put(each, value);
      place++;
    }
    if (given.size() > place) {
      throw TemplateFailure.of("it gives '%s' %d arguments of %d", name, given.size(), place);
    }
    Map<Object, Object> others = new LinkedHashMap<>(given.named());
    others.keySet().removeAll(parameters.keySet());
    scope.put("caller", others.getOrDefault("caller", new Undefined("'caller'")));
  }

  private String call(TagNode tag) {
    ExpressionParser parser = new ExpressionParser(tag.getHelpers());
    Map<String, Optional<Expression>> parameters = parser.opens() ? parser.parameters() : Map.of();
    Expression called = parser.expression();
    parser.end();
    if (!(called instanceof Expression.Call call)) {
      throw TemplateFailure.of("it has a call block that calls nothing ('%s')", tag.getHelpers());
    }
    Arguments given = call.given().values(rendering);
    Map<String, Object> named = new LinkedHashMap<>(given.named());
    named.put("caller", function("caller", parameters, tag.getChildren()));
    return Values.text(call.with(new Arguments(given.positional(), named), rendering));
  }

  private String filter(TagNode tag) {
    ExpressionParser parser = new ExpressionParser(tag.getHelpers());
    Scope scope = rendering.scope().inner();
    scope.put(BODY, rendering.in(scope, () -> all(tag.getChildren())));
    Expression value = parser.filters(parser.filter(new Expression.Name(BODY)));
    parser.end();
    return Values.text(rendering.in(scope, () -> rendering.value(value)));
  }

  private String with(TagNode tag) {
    ExpressionParser parser = new ExpressionParser(tag.getHelpers());
    Scope scope = rendering.scope().inner();
    while (!parser.ended()) {
      List<String> target = List.of(parser.name());
      parser.expect("=");
      assign(target, rendering.value(parser.expression()), scope::put);
      if (!parser.ended()) {
        parser.expect(",");
      }
    }
    return rendering.in(scope, () -> all(tag.getChildren()));
  }
}
