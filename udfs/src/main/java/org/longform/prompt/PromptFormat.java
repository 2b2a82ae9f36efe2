package org.longform.prompt;

import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.memo.RecentlyUsed;
import org.longform.options.Options;
import org.longform.options.PromptOptions;
import org.longform.tokenizer.ModelFiles;
import org.longform.tokenizer.Tokenizer;

/** How prompts of one model are written: in its chat template if it has one, else plain. */
public final class PromptFormat {
  private static final int TURNS = 16;

  private final Optional<ChatTemplate> template;

  // a rendered turn depends on the system prompt only; rows seldom bring many of those
  private final Map<Optional<String>, ChatTurn> turns = new RecentlyUsed<>(TURNS);

  private PromptFormat(Optional<ChatTemplate> template) {
    this.template = template;
  }

  /**
   * Reads the model's chat template, if it has one. A template that is broken fails the prompts
   * that use it, not the model.
   *
   * @throws LongformException INVALID_MODEL where its file cannot be read
   */
  public static PromptFormat load(ModelFiles files, Tokenizer tokenizer) {
    return new PromptFormat(
        ChatTemplateFile.find(files).map(text -> new ChatTemplate(text, tokenizer)));
  }

  /** For models without a chat template. */
  public static PromptFormat plain() {
    return new PromptFormat(Optional.empty());
  }

  /**
   * @throws LongformException INVALID_OPTION where the options want a template and there is none
   */
  public boolean usesChatTemplate(Options options) {
    String choice = options.get(PromptOptions.CHAT_TEMPLATE);
    if (choice.equals("on") && template.isEmpty()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option 'chat_template': the model has no chat template (on). Choose auto or another model.");
    }
    return template.isPresent() && !choice.equals("off");
  }

  ChatTurn turn(Optional<String> systemPrompt) {
    synchronized (turns) {
      return turns.computeIfAbsent(
          systemPrompt.filter(text -> !text.isEmpty()), template.orElseThrow()::turn);
    }
  }
}
