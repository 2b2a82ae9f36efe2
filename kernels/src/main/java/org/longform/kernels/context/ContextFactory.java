package org.longform.kernels.context;

import java.util.List;
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

  /** A strategy for one document. */
  ContextStrategy create(ParameterValues values, ModelLimits limits);
}
