package org.longform.methods;

import java.util.List;
import org.longform.kernels.method.Method;

/**
 * One list of methods as a section of STRATEGIES.md.
 *
 * @param title heading of the section
 * @param choosing how users choose among the methods, in sentences of Markdown
 * @param methods the list, in its order
 */
public record MethodSection(String title, String choosing, List<? extends Method> methods) {
  public MethodSection {
    methods = List.copyOf(methods);
  }
}
