package org.longform.prompt;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.el.JinjavaProcessors;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import java.io.IOException;
import java.time.Clock;
import java.util.Map;
import java.util.Set;
import jinjava.javax.el.CompositeELResolver;

/**
 * Renders one template the way Transformers does. Templates come from outside: they can load no
 * other template, reach no Java class, and are limited in steps, time, depth and size.
 *
 * <p>Belongs to one rendering.
 */
final class TemplateEngine {
  private static final int MOST_STEPS = 100_000;
  private static final long MOST_NANOS = 5_000_000_000L;
  private static final int LARGEST_TEXT = 1 << 20;
  private static final int LARGEST_LIST = 10_000;
  private static final int DEEPEST = 30;

  private final Jinjava jinjava;
  private final long startedNanos = System.nanoTime();
  private int steps;
  private String exceeded;

  /**
   * @param clock for {@code strftime_now}
   */
  TemplateEngine(Clock clock) {
    jinjava = new Jinjava(config());
    jinjava.setResourceLocator(
        (name, encoding, interpreter) -> {
          throw new IOException("it loads another template ('" + name + "')");
        });
    Context context = jinjava.getGlobalContext();
    context.registerFunction(
        new ELFunctionDefinition(
            "", "raise_exception", TemplateFunctions.class, "raiseException", Object.class));
    context.registerFunction(
        new ELFunctionDefinition(
            "", "strftime_now", TemplateFunctions.class, "strftimeNow", String.class));
    context.registerFilter(new ToJsonFilter());
    TemplateFunctions.CLOCK.set(clock);
  }

  /**
   * @throws TemplateFailure for any error
   */
  String render(String template, Map<String, Object> variables) {
    TemplateSource source = new TemplateSource(template);
    for (String filter : source.filters()) {
      if (jinjava.getGlobalContext().getFilter(filter) == null) {
        throw new TemplateFailure("it uses the filter '" + filter + "', which is unknown");
      }
    }
    RenderResult result;
    try {
      result = jinjava.renderForResult(source.text(), variables);
    } catch (RuntimeException | StackOverflowError e) {
      throw new TemplateFailure(exceeded == null ? reason(e, String.valueOf(e)) : exceeded);
    } finally {
      TemplateFunctions.CLOCK.remove();
    }
    if (exceeded != null) {
      throw new TemplateFailure(exceeded);
    }
    for (TemplateError error : result.getErrors()) {
      // a missing property is undefined, which Jinja lets templates test for
      if (error.getReason() != TemplateError.ErrorReason.UNKNOWN) {
        throw new TemplateFailure(
            "line " + error.getLineno() + ": " + reason(error.getException(), error.getMessage()));
      }
    }
    return result.getOutput();
  }

  private static String reason(Throwable thrown, String otherwise) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof TemplateFailure) {
        return cause.getMessage();
      }
    }
    String text = otherwise.replaceAll("\\s+", " ").strip();
    text = text.length() <= 300 ? text : text.substring(0, 300) + "...";
    return text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
  }

  private void step() {
    if (++steps > MOST_STEPS) {
      exceeded = "it takes more than " + MOST_STEPS + " steps";
    } else if (System.nanoTime() - startedNanos > MOST_NANOS) {
      exceeded = "it takes more than " + MOST_NANOS / 1_000_000_000 + " seconds";
    }
    if (exceeded != null) {
      throw new TemplateFailure(exceeded);
    }
  }

  private JinjavaConfig config() {
    CompositeELResolver resolver = new CompositeELResolver();
    resolver.add(new PythonMethods());
    resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
    return JinjavaConfig.newBuilder()
        .withTrimBlocks(true)
        .withLstripBlocks(true)
        .withKeepTrailingNewline(true)
        .withLegacyOverrides(asInPython())
        .withElResolver(resolver)
        .withDisabled(Map.of(Context.Library.TAG, Set.of("include", "import", "from", "extends")))
        .withNestedInterpretationEnabled(false)
        .withEnableRecursiveMacroCalls(false)
        .withMaxMacroRecursionDepth(DEEPEST)
        .withMaxRenderDepth(DEEPEST)
        .withMaxOutputSize(LARGEST_TEXT)
        .withMaxStringLength(LARGEST_TEXT)
        .withMaxListSize(LARGEST_LIST)
        .withMaxMapSize(LARGEST_LIST)
        .withRangeLimit(LARGEST_LIST)
        .withProcessors(
            JinjavaProcessors.newBuilder()
                .withNodePreProcessor((node, interpreter) -> step())
                .build())
        .build();
  }

  private static LegacyOverrides asInPython() {
    return LegacyOverrides.newBuilder()
        .withEvaluateMapKeys(true)
        .withIterateOverMapKeys(true)
        .withUsePyishObjectMapper(true)
        .withUseSnakeCasePropertyNaming(true)
        .withUseNaturalOperatorPrecedence(true)
        .withParseWhitespaceControlStrictly(true)
        .withAllowAdjacentTextNodes(true)
        .withUseTrimmingForNotesAndExpressions(true)
        .withKeepNullableLoopValues(true)
        .withHandleBackslashInQuotesOnly(true)
        .build();
  }
}
