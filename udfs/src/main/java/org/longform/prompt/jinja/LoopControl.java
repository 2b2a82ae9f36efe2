package org.longform.prompt.jinja;

/** A {@code break} or {@code continue} on its way to its loop. */
final class LoopControl extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Which of the two. */
  enum Kind {
    BREAK,
    CONTINUE
  }

  private final Kind kind;

  /** What the blocks it has left had written. */
  private String text = "";

  LoopControl(Kind kind) {
    super(kind.name(), null, false, false);
    this.kind = kind;
  }

  Kind kind() {
    return kind;
  }

  String text() {
    return text;
  }

  LoopControl behind(CharSequence before) {
    text = before + text;
    return this;
  }
}
