package org.longform.options;

import java.util.List;

/** How the answer is written. Names are those of Hugging Face; aliases those of other products. */
public final class GenerationOptions {
  public static final Option<Integer> MAX_NEW_TOKENS =
      Option.integer("max-new-tokens")
          .doc("Largest number of tokens to write for one answer.")
          .alias("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict")
          .check(value -> value > 0, "must be positive")
          .defaultValue(256);

  public static final Option<Double> TEMPERATURE =
      Option.decimal("temperature")
          .doc(
              "Spread of the random choice of each token: 0 always takes the most probable token,"
                  + " 1 keeps the model's own probabilities.")
          .alias("temp")
          .check(value -> value >= 0 && value <= 100, "must be from 0 to 100")
          .defaultValue(0.0);

  public static final Option<Double> TOP_P =
      Option.decimal("top-p")
          .doc(
              "Choose among the most probable tokens whose probabilities together reach this share;"
                  + " 1 keeps all. Counts only where temperature is above 0.")
          .check(value -> value > 0 && value <= 1, "must be above 0 and at most 1")
          .defaultValue(1.0);

  public static final Option<Integer> TOP_K =
      Option.integer("top-k")
          .doc(
              "Choose among this many most probable tokens; 0 keeps all. Counts only where"
                  + " temperature is above 0.")
          .check(value -> value >= 0, "must not be negative")
          .defaultValue(0);

  public static final Option<Double> MIN_P =
      Option.decimal("min-p")
          .doc(
              "Drop tokens less probable than this share of the most probable one; 0 keeps all."
                  + " Counts only where temperature is above 0.")
          .check(value -> value >= 0 && value <= 1, "must be from 0 to 1")
          .defaultValue(0.0);

  public static final Option<Double> REPETITION_PENALTY =
      Option.decimal("repetition-penalty")
          .doc(
              "Makes tokens that were already written less probable: a positive score is divided by"
                  + " it, a negative one multiplied; 1 changes nothing.")
          .alias("repeat_penalty")
          .check(value -> value > 0 && value <= 1000, "must be above 0 and at most 1000")
          .defaultValue(1.0);

  public static final Option<List<String>> STOP =
      Option.texts("stop")
          .doc(
              "Texts at which the answer ends; they are not part of it. One text or a JSON array."
                  + " Plain prompts of tasks end at a line break unless this is set.")
          .alias("stop_strings", "stop_sequences")
          .check(
              texts -> texts.stream().noneMatch(String::isEmpty),
              "must not contain an empty text, which would end every answer at once")
          .check(texts -> texts.size() <= 64, "must have at most 64 texts")
          .check(
              texts -> texts.stream().allMatch(text -> text.length() <= 1024),
              "must have texts of at most 1024 characters")
          .defaultText("[]")
          .defaultValue(List.of());

  public static final Option<Long> SEED =
      Option.wholeNumber("seed")
          .doc(
              "Seed of the random choices. Each row derives its own from this and its key, so"
                  + " results do not depend on partitions or retries.")
          .defaultValue(0L);

  public static final OptionGroup GROUP =
      new OptionGroup(
          "Generation",
          "How the answer is written. What is not set comes from the model's"
              + " `generation_config.json`, then from these defaults.",
          List.of(
              MAX_NEW_TOKENS, TEMPERATURE, TOP_P, TOP_K, MIN_P, REPETITION_PENALTY, STOP, SEED));

  private GenerationOptions() {}
}
