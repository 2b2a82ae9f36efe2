package org.longform.options;

import java.util.List;

/** Which model reads, and where it runs. */
public final class ModelOptions {
  /** The model that comes with the product. */
  public static final String BUNDLED_MODEL = "longform-tiny";

  public static final Option<String> MODEL =
      Option.text("model")
          .doc(
              "The model: a Hugging Face directory or a `.gguf` file of the Llama family, or the name"
                  + " of a bundled model.")
          .alias("model_path", "endpoint")
          .check(text -> !text.isBlank(), "must not be empty")
          .defaultValue(BUNDLED_MODEL);

  public static final Option<String> DEVICE =
      Option.text("device")
          .doc("Where the numbers are computed; `auto` takes the fastest device that works here.")
          .check(text -> !text.isBlank(), "must not be empty")
          .defaultValue("auto");

  public static final Option<Integer> THREADS =
      Option.integer("threads")
          .doc("Threads that one forward pass may use; 0 takes the cores of the Spark task.")
          .alias("n_threads")
          .applicable(Option.Applicable.STARTUP)
          .check(value -> value >= 0 && value <= 4096, "must be from 0 to 4096")
          .defaultValue(0);

  static final OptionGroup GROUP =
      new OptionGroup(
          "Model", "Which model reads, and where it runs.", List.of(MODEL, DEVICE, THREADS));

  private ModelOptions() {}
}
