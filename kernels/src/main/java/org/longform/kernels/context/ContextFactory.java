package org.longform.kernels.context;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.method.Method;

/** A way to read beyond the trained window, as users choose it. */
public interface ContextFactory extends Method {
  @Override
  List<Parameter> parameters();

  /** What holds with the default parameters. */
  Set<Promise> promises();

  @Override
  default List<String> guarantees() {
    return promises().stream().sorted().map(Promise::sentence).toList();
  }

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
