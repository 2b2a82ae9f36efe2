package org.longform.prompt;

/** Why a template does not render, as part of a sentence. */
final class TemplateFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  TemplateFailure(String why) {
    super(why);
  }
}
