package org.longform.kernels.method;

/** What people read about a parameter of a {@link Method}. */
public interface MethodParameter {
  /** Words joined by hyphens. */
  String name();

  /** What it does, in one sentence. */
  String doc();

  /** What a value must be, as part of a sentence: "a whole number that must be at least 1". */
  String expectation();

  /** The default, or in words what it follows from: "a 32nd of the trained window". */
  String defaultText();
}
