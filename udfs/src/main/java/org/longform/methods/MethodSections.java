package org.longform.methods;

import java.util.List;
import org.longform.kernels.context.ContextStrategies;

/** The lists of methods. To add a list: one line here. */
public final class MethodSections {
  public static final List<MethodSection> ALL =
      List.of(
          new MethodSection(
              "Context strategies",
              "How a document longer than the model's window is attended to. Chosen with `--context` and, in SQL, `map('context', …)`.",
              ContextStrategies.ALL));

  private MethodSections() {}
}
