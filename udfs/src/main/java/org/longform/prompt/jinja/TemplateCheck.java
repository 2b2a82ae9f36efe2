package org.longform.prompt.jinja;

import com.hubspot.jinjava.tree.ExpressionNode;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.parse.ExpressionToken;
import java.util.List;
import java.util.Set;

/** Looks for what cannot be rendered in all branches of a template, without rendering it. */
final class TemplateCheck {
  private TemplateCheck() {}

  /**
   * @param found gets each problem as part of a sentence
   */
  static void check(List<Node> nodes, Set<String> found) {
    for (Node node : nodes) {
      try {
        if (node instanceof ExpressionNode) {
          String expression = ((ExpressionToken) node.getMaster()).getExpr();
          names(expression, found);
          new ExpressionParser(expression).whole();
        } else if (node instanceof TagNode tag) {
          names(tag.getHelpers(), found);
        }
      } catch (TemplateFailure e) {
        found.add(e.getMessage());
      }
      check(node.getChildren(), found);
    }
  }

  /** Filters and tests that nobody knows. */
  private static void names(String expression, Set<String> found) {
    List<Token> tokens = Token.all(expression);
    for (int i = 0; i + 1 < tokens.size(); i++) {
      Token next = tokens.get(i + 1);
      if (tokens.get(i).is("|") && !Filters.ALL.containsKey(next.text())) {
        found.add("it uses the filter '%s', which is unknown".formatted(next.text()));
      }
      if (tokens.get(i).isName("is")) {
        Token test = next.isName("not") && i + 2 < tokens.size() ? tokens.get(i + 2) : next;
        if (test.kind() == Token.Kind.NAME && !Tests.ALL.containsKey(test.text())) {
          found.add("it uses the test '%s', which is unknown".formatted(test.text()));
        }
      }
    }
  }
}
