package org.longform.methods;

import java.util.List;
import org.longform.decoding.DecodingStrategies;
import org.longform.feed.ReadingStrategies;
import org.longform.kernels.context.ContextStrategies;

/** The lists of methods. To add a list: one line here. */
public final class MethodSections {
  public static final List<MethodSection> ALL =
      List.of(
          new MethodSection(
              "Context strategies",
              "How a document longer than the model's window is attended to. Chosen with `--context` and, in SQL, `map('context', …)`.",
              ContextStrategies.ALL),
          new MethodSection(
              "Reading strategies",
              "How a document and what is asked of it are fed to the model. Chosen with `--reading` and, in SQL, `map('reading', …)`.",
              ReadingStrategies.ALL),
          new MethodSection(
              "Decoding strategies",
              "How the tokens of an answer come out. Chosen with `--decoding` and, in SQL, `map('decoding', …)`. Strategies that guess need a context that can forget wrong guesses; others are refused.",
              DecodingStrategies.ALL));

  private MethodSections() {}
}
