package org.longform.methods;

import java.util.List;
import org.longform.decoding.DecodingStrategies;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.model.prune.LlmPruner;

/** The lists of methods. To add a list: one line here. */
public final class MethodSections {
  public static final List<MethodSection> ALL =
      List.of(
          new MethodSection(
              "Context strategies",
              "How a document longer than the model's window is attended to. Chosen with `--context` and, in SQL, `map('context', …)`.",
              ContextStrategies.ALL),
          new MethodSection(
              "Decoding strategies",
              "How the tokens of an answer come out. Chosen with `--decoding` and, in SQL, `map('decoding', …)`. Strategies that guess need a context that can forget wrong guesses; others are refused.",
              DecodingStrategies.ALL),
          new MethodSection(
              "Pruning",
              "How `ci/longform prune --model DIR|FILE.gguf --ratio … --to OUT` takes parts of a model away, once, before it is used; `ci/longform prune --help` lists the parameters.",
              List.of(new LlmPruner())));

  private MethodSections() {}
}
