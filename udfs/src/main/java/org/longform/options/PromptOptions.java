package org.longform.options;

import java.util.List;

/** What the model is asked about a document. */
public final class PromptOptions {
  public static final Option<Integer> MAX_WORDS =
      Option.integer("max-words")
          .doc("Wished length of a summary in words; 0 sets no limit.")
          .check(value -> value >= 0, "must not be negative")
          .defaultValue(50);

  public static final Option<String> CHAT_TEMPLATE =
      Option.choice("chat-template", List.of("auto", "on", "off"))
          .doc(
              "Whether the prompt goes through the model's chat template: `auto` where the model has"
                  + " one, `on` fails where it has none, `off` never.")
          .defaultValue("auto");

  public static final Option<String> SYSTEM_PROMPT =
      Option.text("system-prompt")
          .doc(
              "Text of the system message that precedes the document in a chat template; where a"
                  + " template has no place for one, it begins the user's message.")
          .alias("system")
          .optional();

  public static final Option<Long> MAX_INPUT_TOKENS =
      Option.wholeNumber("max-input-tokens")
          .doc(
              "Read at most this many tokens of a document; the result says `truncated` where text"
                  + " was left out. Without it every document is read to its end.")
          .check(value -> value > 0, "must be positive")
          .defaultText("no limit")
          .optional();

  static final OptionGroup GROUP =
      new OptionGroup(
          "Prompt",
          "What the model is asked about a document.",
          List.of(MAX_WORDS, CHAT_TEMPLATE, SYSTEM_PROMPT, MAX_INPUT_TOKENS));

  private PromptOptions() {}
}
