package org.longform.options;

import java.util.List;

/** Which model reads, and where it runs. */
public final class ModelOptions {
  /** The model that comes with the product. */
  public static final String BUNDLED_MODEL = "longform-tiny";

  public static final Option<String> MODEL =
      Option.text("model")
          .doc(
              "The model: a Hugging Face directory or a `.gguf` file (of several parts the first), at a"
                  + " local path or at any address that Hadoop reads (`hdfs://`, `s3a://`), a model of the"
                  + " Hugging Face hub (`org/name`, `org/name@revision`, `hf://org/name/file.gguf`),"
                  + " or the name of a bundled model.")
          .alias("model_path", "endpoint")
          .check(text -> !text.isBlank(), "must not be empty")
          .defaultValue(BUNDLED_MODEL);

  public static final Option<String> ADAPTER =
      Option.text("adapter")
          .doc(
              "A LoRA adapter that is merged into the model when it is loaded: a directory with"
                  + " `adapter_config.json` and `adapter_model.safetensors`, as Hugging Face's PEFT"
                  + " saves it, also for matrices that hold several projections, at a path or address like a model's. The model must be a directory.")
          .check(text -> !text.isBlank(), "must not be empty")
          .optional();

  public static final Option<String> DEVICE =
      Option.text("device")
          .doc("Where the numbers are computed; `auto` takes the fastest device that works here.")
          .check(text -> !text.isBlank(), "must not be empty")
          .defaultValue("auto");

  public static final Option<Integer> THREADS =
      Option.integer("threads")
          .doc(
              "Threads that one forward pass may use. 0: device cpu shares all cores of the executor"
                  + " among its tasks, other devices take the cores of one task.")
          .alias("n_threads")
          .applicable(Option.Applicable.STARTUP)
          .check(value -> value >= 0 && value <= 4096, "must be from 0 to 4096")
          .defaultValue(0);

  public static final Option<String> MODEL_CACHE =
      Option.text("model-cache")
          .doc(
              "Directory on a local disk of each node for copies of models that lie elsewhere. All"
                  + " processes of the node share a copy. Models of the hub go to its `hub`, unless"
                  + " `HF_HUB_CACHE` or `HF_HOME` says where.")
          .applicable(Option.Applicable.APPLICATION)
          .check(text -> !text.isBlank(), "must not be empty")
          .defaultText("longform/models in the user's cache directory, else in the temporary one")
          .optional();

  public static final Option<String> HUB_ENDPOINT =
      Option.text("hub-endpoint")
          .doc("Address of the Hugging Face hub, or of a mirror of it.")
          .applicable(Option.Applicable.APPLICATION)
          .check(ModelOptions::isHubEndpoint, "must be an http or https address without a password")
          .defaultText("that of HF_ENDPOINT, else https://huggingface.co")
          .optional();

  public static final Option<Boolean> HUB_OFFLINE =
      Option.flag("hub-offline")
          .doc("Use models of the hub only as they are in its cache, and ask nobody.")
          .applicable(Option.Applicable.APPLICATION)
          .defaultText("that of HF_HUB_OFFLINE, else false")
          .optional();

  public static final Option<List<String>> ALLOWED_MODEL_PATHS =
      Option.texts("allowed-model-paths")
          .doc(
              "Directories, files and addresses under which queries may name models, beside the"
                  + " application's own model and bundled ones; of the hub an organisation"
                  + " (`hf://org`), a repository or one of its commits; `[]` for none. Without it"
                  + " any model that the application's user can read will do, except in a server"
                  + " for other users (Thrift, Spark Connect), where it is `[]`.")
          .applicable(Option.Applicable.APPLICATION)
          .defaultText("any; [] in a Thrift or Connect server")
          .optional();

  static final OptionGroup GROUP =
      new OptionGroup(
          "Model",
          "Which model reads, and where it runs.",
          List.of(
              MODEL,
              ADAPTER,
              DEVICE,
              THREADS,
              MODEL_CACHE,
              HUB_ENDPOINT,
              HUB_OFFLINE,
              ALLOWED_MODEL_PATHS));

  private ModelOptions() {}

  /** Whether a text can be the address of a hub, and be shown. */
  public static boolean isHubEndpoint(String text) {
    return text.matches("https?://[^@?\\s]+");
  }
}
