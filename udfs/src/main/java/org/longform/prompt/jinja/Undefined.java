package org.longform.prompt.jinja;

/**
 * The value of what does not exist: empty where it is written or looped over, false, and an error
 * where more is asked of it.
 *
 * @param what as part of a sentence
 */
record Undefined(String what) {
  TemplateFailure failure() {
    return TemplateFailure.of("%s is undefined", what);
  }

  /** All are the same value. */
  @Override
  public boolean equals(Object other) {
    return other instanceof Undefined;
  }

  @Override
  public int hashCode() {
    return 0;
  }
}
