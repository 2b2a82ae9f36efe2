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
import org.longform.prompt.jinja.TemplateEngine;
import org.longform.prompt.jinja.TemplateFailure;
import org.longform.tokenizer.Tokenizer;

/**
 * A model's chat template, rendered around the document instead of with it: a word that stands for
 * the user's text is rendered, and the result is cut at that word. So a document of any size costs
 * nothing here, and no document can be taken for a part of the template.
 *
 * <p>A system prompt is rendered with a mark on either side, because templates may look for words
 * in it, or strip the white space around it. Where a template refuses or drops system messages
 * (Gemma 2, Mistral 7B v0.1), the system prompt stands at the beginning of the user's message, an
 * empty line before the rest: as the templates of Gemma 3 do it.
 */
final class ChatTemplate {
  private static final String AFTER_SYSTEM = "\n\n";

  private final String template;
  private final Clock clock;
  private final Map<String, Object> tokens = new HashMap<>();

  ChatTemplate(String template, Tokenizer tokenizer) {
    this(
        template,
        tokenizer.bosToken().orElse(""),
        tokenizer.eosToken().orElse(""),
        Clock.systemUTC());
  }

  /**
   * @param clock for templates that write the date
   */
  ChatTemplate(String template, String bosToken, String eosToken, Clock clock) {
    this.template = template;
    this.clock = clock;
    tokens.put("bos_token", bosToken);
    tokens.put("eos_token", eosToken);
  }

  /**
   * @throws LongformException TEMPLATE_ERROR where the template fails, drops, changes or repeats a
   *     message, or exceeds its limits
   */
  ChatTurn turn(Optional<String> systemPrompt) {
    if (systemPrompt.isEmpty()) {
      return turn(marked(Optional.empty()));
    }
    try {
      return turn(marked(systemPrompt));
    } catch (LongformException refused) {
      try {
        return inUserTurn(systemPrompt.get());
      } catch (LongformException e) {
        throw refused; // it is not the system message that the template minds
      }
    }
  }

  /** Whether it has a place for system prompts. */
  boolean takesSystemPrompts() {
    try {
      turn(marked(Optional.of("x")));
      return true;
    } catch (LongformException refused) {
      return false;
    }
  }

  /** The system prompt as the beginning of what the user says. */
  private ChatTurn inUserTurn(String systemPrompt) {
    ChatTurn turn = turn(marked(Optional.empty()));
    List<Piece> prefix = new ArrayList<>(turn.prefix());
    prefix.add(Piece.text(systemPrompt + AFTER_SYSTEM));
    return new ChatTurn(prefix, turn.end());
  }

  /**
   * Texts with words around them that are found again in what was rendered.
   *
   * @param content of the system message, with its marks
   */
  private record Marked(Optional<String> content, String begin, String end, String user) {}

  private static Marked marked(Optional<String> systemPrompt) {
    String begin = mark("System");
    String end = mark("SystemEnd");
    return new Marked(
        systemPrompt.map(
            text -> {
              String stripped = text.strip();
              int at = stripped.isEmpty() ? 0 : text.indexOf(stripped);
              // white space stays outside of the marks, for templates that strip it
              return text.substring(0, at)
                  + begin
                  + stripped
                  + end
                  + text.substring(at + stripped.length());
            }),
        begin,
        end,
        mark("User"));
  }

  private ChatTurn turn(Marked marked) {
    List<Map<String, Object>> messages = new ArrayList<>();
    marked.content().ifPresent(text -> messages.add(message("system", text)));
    messages.add(message("user", marked.user()));
    Map<String, Object> variables = new HashMap<>(tokens);
    variables.put("messages", messages);
    variables.put("add_generation_prompt", true);
    // Transformers gives these two in any case
    variables.put("tools", null);
    variables.put("documents", null);
    String rendered;
    try {
      rendered = new TemplateEngine(clock).render(template, variables);
    } catch (TemplateFailure e) {
      throw error(e.getMessage());
    }
    int userAt = only(rendered, marked.user(), "user");
    List<Piece> prefix = new ArrayList<>();
    int from = 0;
    if (marked.content().isPresent()) {
      int begin = only(rendered, marked.begin(), "system");
      int end = only(rendered, marked.end(), "system");
      if (end > userAt || begin > end) {
        throw error("it puts the system message after the user's");
      }
      prefix.add(Piece.template(rendered.substring(0, begin)));
      prefix.add(Piece.text(rendered.substring(begin + marked.begin().length(), end)));
      from = end + marked.end().length();
    }
    prefix.add(Piece.template(rendered.substring(from, userAt)));
    return new ChatTurn(prefix, rendered.substring(userAt + marked.user().length()));
  }

  private static int only(String rendered, String mark, String role) {
    int at = rendered.indexOf(mark);
    if (at < 0) {
      throw error("it drops or changes the text of the %s message".formatted(role));
    }
    if (rendered.indexOf(mark, at + 1) >= 0) {
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
  private static String mark(String name) {
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
