package org.longform.prompt.jinja;

import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Renders templates the way Transformers does. Templates come from outside: they can load no other
 * template, reach no Java object, and are limited in steps, time, depth and size.
 */
public final class TemplateEngine {
  private final Clock clock;

  /**
   * @param clock for {@code strftime_now}
   */
  public TemplateEngine(Clock clock) {
    this.clock = clock;
  }

  /**
   * @param variables numbers, texts, booleans, nulls, lists and maps
   * @throws Refusal where the template itself refuses them
   * @throws TemplateFailure for any other error
   */
  public String render(String template, Map<String, ?> variables) {
    try {
      Rendering rendering = new Rendering(clock);
      Globals.ALL.forEach(rendering.scope()::put);
      variables.forEach((name, value) -> rendering.scope().put(name, Values.of(value)));
      return new NodeRenderer(rendering).render(TemplateTree.of(template));
    } catch (StackOverflowError e) {
      throw new TemplateFailure("it is nested too deeply");
    }
  }

  /** What of a template cannot be rendered, as parts of a sentence: for a look at it beforehand. */
  public static List<String> unsupported(String template) {
    TreeSet<String> found = new TreeSet<>();
    try {
      TemplateCheck.check(TemplateTree.of(template), found);
    } catch (TemplateFailure e) {
      found.add(e.getMessage());
    } catch (StackOverflowError e) {
      found.add("it is nested too deeply");
    }
    return List.copyOf(found);
  }
}
