package org.longform.decoding;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.model.TokenTree;

/** Guesses that what was read or written once goes on as it did then. */
final class PromptLookup implements DecodingStrategy {
  private static final String NGRAM = "lookup-ngram";
  private static final String TOKENS = "lookup-tokens";

  @Override
  public String name() {
    return "prompt-lookup";
  }

  @Override
  public String description() {
    return "Looks for the newest tokens of the answer earlier in the prompt and the answer, and guesses that they go on "
        + "as they did there. The guess is verified beside the next token. Only what the model itself would have "
        + "written is kept, so answers are those of plain decoding, token by token, also with a temperature.";
  }

  @Override
  public String whenToUse() {
    return "For answers that copy from the document: extraction, quotations, lists of names and numbers. It costs nothing "
        + "where it finds nothing.";
  }

  @Override
  public String cost() {
    return "A search of the prompt for each step, and a row for each guessed token; up to 8 rows take one pass of device "
        + "cpu. Memory: 4 bytes for each token of the prompt.";
  }

  @Override
  public String source() {
    return "Saxena 2023, Prompt Lookup Decoding (github.com/apoorvumang/prompt-lookup-decoding)";
  }

  @Override
  public String notCopied() {
    return "The demand that a match goes on for all the guessed tokens: a shorter guess is a guess, too. Matches that run "
        + "into the newest tokens themselves count, so that a period that repeats is found from its second time on.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            NGRAM,
            "So many of the newest tokens are looked for, then fewer, down to one.",
            "3",
            limits -> 3L,
            1),
        Parameter.integer(
            TOKENS,
            "Tokens that are guessed; with up to 7 a step is one pass of device cpu.",
            "10",
            limits -> 10L,
            1));
  }

  @Override
  public boolean guesses() {
    return true;
  }

  @Override
  public Decoding open(DecodingSetup setup) {
    int ngram = (int) setup.values().integer(NGRAM);
    int tokens = StepRows.checked(this, TOKENS, setup.values().integer(TOKENS));
    return new Remembered(history -> new Search(history, ngram, tokens));
  }

  private record Search(TokenHistory history, int ngram, int tokens) implements Guesser {
    @Override
    public TokenTree guess(int chosen, int room, TokenChooser chooser) {
      history.add(chosen);
      int[] certain = chooser.continuations().forced(Math.min(tokens, room - 1));
      if (certain.length > 0) {
        return TokenTree.chain(chosen, certain);
      }
      int from = continuation();
      int count = Math.min(Math.min(tokens, room - 1), history.size() - from);
      int[] guesses = new int[Math.max(0, count)];
      for (int i = 0; i < guesses.length; i++) {
        guesses[i] = history.get(from + i);
      }
      return TokenTree.chain(chosen, chooser.continuations().prefix(guesses));
    }

    /** Where the first of the longest matches goes on; the end if there is none. */
    private int continuation() {
      int end = history.size();
      int best = 0;
      int place = end;
      for (int next = 1; next < end && best < ngram; next++) {
        int length = 0;
        while (length < ngram
            && length < next
            && history.get(next - 1 - length) == history.get(end - 1 - length)) {
          length++;
        }
        if (length > best) {
          best = length;
          place = next;
        }
      }
      return place;
    }

    @Override
    public int choose(TokenTree tree, int row, float[] logits, TokenChooser chooser) {
      int token = chooser.next(logits);
      // the last one comes again as the newest token
      if (tree.child(row, token).isPresent()) {
        history.add(token);
      }
      return token;
    }
  }
}
