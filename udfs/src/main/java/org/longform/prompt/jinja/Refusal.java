package org.longform.prompt.jinja;

/** A template that does not want the messages it was given, and says so itself. */
public final class Refusal extends TemplateFailure {
  private static final long serialVersionUID = 1L;

  Refusal(String words) {
    super("it refuses the messages ('" + shortened(words) + "')");
  }
}
