package org.longform.prompt.jinja;

/** Why a template does not render, as part of a sentence. */
public class TemplateFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  TemplateFailure(String why) {
    super(why);
  }

  /** As {@link String#format}, with values shortened. */
  static TemplateFailure of(String format, Object... values) {
    Object[] shown = new Object[values.length];
    for (int i = 0; i < values.length; i++) {
      shown[i] = values[i] instanceof String text ? shortened(text) : values[i];
    }
    return new TemplateFailure(format.formatted(shown));
  }

  static String shortened(String text) {
    String line = text.replaceAll("\\s+", " ").strip();
    return line.length() <= 200 ? line : line.substring(0, 200) + "...";
  }
}
