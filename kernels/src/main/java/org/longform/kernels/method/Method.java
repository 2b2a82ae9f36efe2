package org.longform.kernels.method;

import java.util.List;

/**
 * A published method as users choose it, with all that its page says. Texts are whole sentences of
 * plain text.
 */
public interface Method {
  /** The word users write, for example {@code lm-infinite}. */
  String name();

  /** What it does, in three sentences. */
  String description();

  /** When to use it, and when another one: one or two sentences. */
  String whenToUse();

  /** Cost in time and in memory, and what each grows with. */
  String cost();

  /** Paper or specification. */
  String source();

  /**
   * What of the published code was not copied, and why: its errors, its accidents, and what only
   * served its environment. "Nothing" with a reason where all was.
   */
  String notCopied();

  /**
   * Which parameters to set otherwise than the defaults, when, and what that did where it was
   * measured; empty where nobody found anything.
   */
  default String tuning() {
    return "";
  }

  /** In the order in which people should read them. */
  List<? extends MethodParameter> parameters();

  /** What holds with the default parameters, a sentence each. */
  default List<String> guarantees() {
    return List.of();
  }
}
