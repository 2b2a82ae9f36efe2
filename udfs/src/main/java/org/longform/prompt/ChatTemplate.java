package org.longform.prompt;

import java.security.SecureRandom;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.tokenizer.Tokenizer;

/**
 * A model's chat template, rendered around the document instead of with it: a word that stands for
 * the user's text is rendered, and the result is cut at that word. So a document of any size costs
 * nothing here, and no document can be taken for a part of the template.
 */
final class ChatTemplate {
  private final String template;
  private final Map<String, Object> tokens = new HashMap<>();

  ChatTemplate(String template, Tokenizer tokenizer) {
    this.template = template;
    tokens.put("bos_token", tokenizer.bosToken().orElse(""));
    tokens.put("eos_token", tokenizer.eosToken().orElse(""));
  }

  /**
   * @throws LongformException TEMPLATE_ERROR where the template fails, drops, changes or repeats a
   *     message, or exceeds its limits
   */
  ChatTurn turn(Optional<String> systemPrompt) {
    String system = placeholder("System");
    String user = placeholder("User");
    List<Map<String, Object>> messages = new ArrayList<>();
    systemPrompt.ifPresent(text -> messages.add(message("system", system)));
    messages.add(message("user", user));
    Map<String, Object> variables = new HashMap<>(tokens);
    variables.put("messages", messages);
    variables.put("add_generation_prompt", true);
    String rendered;
    try {
      rendered = new TemplateEngine(Clock.systemUTC()).render(template, variables);
    } catch (TemplateFailure e) {
      throw error(e.getMessage());
    }
    int userAt = only(rendered, user, "user");
    String before = rendered.substring(0, userAt);
    List<Piece> prefix = new ArrayList<>();
    if (systemPrompt.isPresent()) {
      int systemAt = only(rendered, system, "system");
      if (systemAt > userAt) {
        throw error("it puts the system message after the user's");
      }
      prefix.add(Piece.template(before.substring(0, systemAt)));
      prefix.add(Piece.text(systemPrompt.get()));
      before = before.substring(systemAt + system.length());
    }
    prefix.add(Piece.template(before));
    return new ChatTurn(prefix, rendered.substring(userAt + user.length()));
  }

  private static int only(String rendered, String placeholder, String role) {
    int at = rendered.indexOf(placeholder);
    if (at < 0) {
      throw error("it drops or changes the text of the %s message".formatted(role));
    }
    if (rendered.indexOf(placeholder, at + 1) >= 0) {
      throw error("it repeats the text of the %s message".formatted(role));
    }
    return at;
  }

  private static Map<String, Object> message(String role, String content) {
    Map<String, Object> message = new HashMap<>();
    message.put("role", role);
    message.put("content", content);
    return message;
  }

  /** A word in mixed case, so that a template which changes letters is noticed. */
  private static String placeholder(String name) {
    SecureRandom random = new SecureRandom();
    return "longForm%sText%016x%016xQ".formatted(name, random.nextLong(), random.nextLong());
  }

  private static LongformException error(String why) {
    return new LongformException(
        ErrorClass.TEMPLATE_ERROR,
        "Cannot render the model's chat template: %s. Set chat_template to off, or use a model with another template."
            .formatted(why));
  }
}
