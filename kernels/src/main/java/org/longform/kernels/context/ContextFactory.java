package org.longform.kernels.context;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A way to read beyond the trained window, as users choose it. */
public interface ContextFactory {
  /** The word users write, for example {@code lm-infinite}. */
  String name();

  /** What it does and when to use it, in two or three sentences. */
  String description();

  /** Paper or specification. */
  String source();

  List<Parameter> parameters();

  /** What holds with the default parameters. */
  Set<Promise> promises();

  /**
   * Why it cannot read with a model and the default parameters, as part of a sentence; empty if it
   * can.
   */
  default Optional<String> whyUnavailable(ModelLimits limits) {
    return Optional.empty();
  }

  /** A strategy for one document. */
  ContextStrategy create(ParameterValues values, ModelLimits limits);
}
