package org.longform.generate;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.longform.grammar.TokenAutomaton;
import org.longform.tokenizer.Detokenizer;

/** The text of an answer while its tokens come. */
interface AnswerText {
  void append(int token);

  /** Whether the text is over. */
  boolean stopped();

  /** The whole text, once no token comes any more. */
  String finish();

  /** Any text, up to the first stop text. */
  static AnswerText free(Detokenizer detokenizer, List<String> stop) {
    return new AnswerText() {
      private final StopStrings stops = new StopStrings(stop);
      private final StringBuilder text = new StringBuilder();

      @Override
      public void append(int token) {
        text.append(stops.append(detokenizer.append(token)));
      }

      @Override
      public boolean stopped() {
        return stops.stopped();
      }

      @Override
      public String finish() {
        if (!stops.stopped()) {
          text.append(stops.append(detokenizer.finish())).append(stops.finish());
        }
        return text.toString();
      }
    };
  }

  /** A text of a grammar: its bytes as the automaton knows them, so that it is one indeed. */
  static AnswerText of(TokenAutomaton grammar) {
    return new AnswerText() {
      private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

      @Override
      public void append(int token) {
        bytes.writeBytes(grammar.bytes(token));
      }

      @Override
      public boolean stopped() {
        return false;
      }

      @Override
      public String finish() {
        return bytes.toString(StandardCharsets.UTF_8);
      }
    };
  }
}
