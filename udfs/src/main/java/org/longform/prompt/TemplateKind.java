package org.longform.prompt;

import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.jinja.TemplateEngine;
import org.longform.tokenizer.ModelFiles;

/**
 * What a model's chat template is and whether it can be used, without loading the model.
 *
 * @param source where the model keeps it; empty if it has none
 * @param systemPrompts whether it has a place for them; else they begin the user's text
 * @param problems what is wrong with it, as sentences or parts of one
 */
public record TemplateKind(Optional<String> source, boolean systemPrompts, List<String> problems) {

  /**
   * @param bosToken as the tokenizer's files name it, or empty
   * @throws LongformException INVALID_MODEL where the template's file cannot be read
   */
  public static TemplateKind of(ModelFiles files, String bosToken, String eosToken) {
    Optional<String> text = ChatTemplateFile.find(files);
    if (text.isEmpty()) {
      return new TemplateKind(Optional.empty(), false, List.of());
    }
    List<String> problems = new ArrayList<>();
    for (String problem : TemplateEngine.unsupported(text.get())) {
      problems.add("chat template: " + problem);
    }
    ChatTemplate template = new ChatTemplate(text.get(), bosToken, eosToken, Clock.systemUTC());
    boolean systemPrompts = false;
    try {
      template.turn(Optional.empty());
      systemPrompts = template.takesSystemPrompts();
    } catch (LongformException e) {
      problems.add(e.getMessage());
    }
    return new TemplateKind(ChatTemplateFile.source(files), systemPrompts, problems);
  }
}
