package org.longform.options;

/** Who set a value, weakest first: a later source overrides an earlier one. */
public enum OptionSource {
  DEFAULT("the default"),
  /** {@code generation_config.json} beside the model. */
  MODEL("the model's generation_config.json"),
  SPARK_CONF("the Spark configuration"),
  /** The SQL option map, the ML parameter or the command line. */
  CALL("the call");

  private final String text;

  OptionSource(String text) {
    this.text = text;
  }

  @Override
  public String toString() {
    return text;
  }
}
