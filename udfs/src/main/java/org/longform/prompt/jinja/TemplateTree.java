package org.longform.prompt.jinja;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.tag.FlexibleTag;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.TreeParser;
import com.hubspot.jinjava.tree.parse.TagToken;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Splits a template into texts, expressions and tags with the Jinja library. The library is asked
 * for nothing else: its tags, filters and expressions never run.
 */
final class TemplateTree {
  /** Tags of Jinja2 and Transformers that the library does not know, as blocks. */
  private static final List<String> FURTHER_BLOCKS = List.of("generation", "filter", "with");

  /** Tags that would load another template, or that Jinja2 does not have. */
  private static final Set<String> UNKNOWN =
      Set.of(
          "autoescape",
          "block",
          "cycle",
          "do",
          "extends",
          "from",
          "ifchanged",
          "import",
          "include",
          "print",
          "unless");

  private TemplateTree() {}

  /**
   * @throws TemplateFailure where it is no template
   */
  static List<Node> of(String template) {
    String source = new TemplateSource(template).text();
    Jinjava library = new Jinjava(config());
    for (String name : FURTHER_BLOCKS) {
      library.getGlobalContext().registerTag(new Block(name));
    }
    library.getGlobalContext().registerTag(new SetTag());
    JinjavaInterpreter interpreter =
        new JinjavaInterpreter(
            library,
            new Context(
                library.getGlobalContextCopy(), Map.of(), library.getGlobalConfig().getDisabled()),
            library.getGlobalConfig());
    try {
      Node root = new TreeParser(interpreter, source).buildTree();
      List<TemplateError> errors = interpreter.getErrorsCopy();
      if (!errors.isEmpty()) {
        throw TemplateFailure.of("%s", problem(errors.get(0)));
      }
      return List.copyOf(root.getChildren());
    } catch (TemplateFailure e) {
      throw e;
    } catch (RuntimeException e) {
      throw TemplateFailure.of("it is no template (%s)", String.valueOf(e.getMessage()));
    }
  }

  private static String problem(TemplateError error) {
    return error.getReason() == TemplateError.ErrorReason.DISABLED
        ? "it uses the tag '%s', which is not supported".formatted(error.getFieldName())
        : error.getMessage();
  }

  private static JinjavaConfig config() {
    return JinjavaConfig.newBuilder()
        .withLegacyOverrides(
            LegacyOverrides.newBuilder()
                .withParseWhitespaceControlStrictly(true)
                .withAllowAdjacentTextNodes(true)
                .withHandleBackslashInQuotesOnly(true)
                .build())
        .withDisabled(Map.of(Context.Library.TAG, UNKNOWN))
        .build();
  }

  /** A name for the library to look for; what it means is told by {@link NodeRenderer}. */
  private static class Block implements Tag {
    private static final long serialVersionUID = 1L;

    private final String name;

    Block(String name) {
      this.name = name;
    }

    @Override
    public String getName() {
      return name;
    }

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
      throw new UnsupportedOperationException(name);
    }
  }

  /** The one tag that is a block or not, as what stands in it tells. */
  private static final class SetTag extends Block implements FlexibleTag {
    private static final long serialVersionUID = 1L;

    SetTag() {
      super("set");
    }

    @Override
    public boolean hasEndTag(TagToken token) {
      return !NodeRenderer.assigns(token.getHelpers());
    }
  }
}
