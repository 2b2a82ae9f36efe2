package org.longform.sql;

/** The two forms of a function: the plain value, or the struct with all that is known of it. */
enum FunctionForm {
  VALUE(""),
  DETAIL("_detail");

  private final String suffix;

  FunctionForm(String suffix) {
    this.suffix = suffix;
  }

  String name(String prefix, SqlFunction function) {
    return prefix + function.word() + suffix;
  }
}
