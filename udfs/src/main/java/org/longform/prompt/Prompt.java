package org.longform.prompt;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.longform.options.GenerationOptions;
import org.longform.options.OptionSource;
import org.longform.options.Options;
import org.longform.options.PromptOptions;
import org.longform.tokenizer.Tokenizer;
import org.longform.tokenizer.Tokenizer.Place;

/**
 * What surrounds a document. The document itself is never part of it: it may be of any size and is
 * read between prefix and suffix. Prompts of one task that differ in their question have the same
 * prefix, so one reading of the document serves all of them.
 *
 * <p>Only what the chat template writes is read for special tokens; the document, questions and
 * system prompts are ordinary text.
 */
public final class Prompt {
  private static final List<String> LINE_BREAK = List.of("\n");

  private final Begin begin;
  private final List<Piece> prefix;
  private final List<Piece> suffix;
  private final List<String> stops;

  /** What stands before the first piece. */
  enum Begin {
    /** The token that begins a sequence, if the model has one. */
    MODEL,
    /** Nothing: a chat template writes that token itself. */
    TEMPLATE
  }

  Prompt(Begin begin, List<Piece> prefix, List<Piece> suffix, List<String> stops) {
    this.begin = begin;
    this.prefix = List.copyOf(prefix);
    this.suffix = List.copyOf(suffix);
    this.stops = List.copyOf(stops);
  }

  /**
   * The prompt of a task.
   *
   * @param question what {@link Task} says; for {@link Task#GENERATE} what is to be done with the
   *     document, or empty to continue it
   * @throws org.longform.kernels.error.LongformException TEMPLATE_ERROR or INVALID_OPTION
   */
  public static Prompt of(PromptFormat format, Task task, String question, Options options) {
    return switch (task) {
      case PERPLEXITY -> new Prompt(Begin.MODEL, List.of(), List.of(), List.of());
      case GENERATE -> around(format, "", question.isEmpty() ? "" : "\n\n" + question, options);
      case ASK ->
          format.usesChatTemplate(options)
              ? around(
                  format,
                  "",
                  "\n\nAnswer this question about the text above, from the text alone: " + question,
                  options)
              : plain("\n\nQuestion: " + question + "\nAnswer:");
      case SUMMARIZE ->
          format.usesChatTemplate(options)
              ? around(format, "", "\n\n" + summaryInstruction(options), options)
              : plain("\n\nSummary:");
      case CLASSIFY -> instructed(format, FormPrompts.classify(question), options);
      case FILTER -> instructed(format, FormPrompts.filter(question), options);
      case EXTRACT -> instructed(format, FormPrompts.extract(question), options);
    };
  }

  private static Prompt instructed(PromptFormat format, String instruction, Options options) {
    return format.usesChatTemplate(options)
        ? around(format, "", "\n\n" + instruction, options)
        : plain("\n\nQuestion: " + instruction + "\nAnswer:");
  }

  /**
   * The prompt of free texts before and after the document.
   *
   * @throws org.longform.kernels.error.LongformException TEMPLATE_ERROR or INVALID_OPTION
   */
  public static Prompt around(PromptFormat format, String before, String after, Options options) {
    if (!format.usesChatTemplate(options)) {
      return new Prompt(
          Begin.MODEL, List.of(Piece.text(before)), List.of(Piece.text(after)), List.of());
    }
    ChatTurn turn = format.turn(options.find(PromptOptions.SYSTEM_PROMPT));
    return new Prompt(
        Begin.TEMPLATE,
        concat(turn.prefix(), Piece.text(before)),
        List.of(Piece.text(after), Piece.template(turn.end())),
        List.of());
  }

  /** Tokens that stand before those of the document. */
  public int[] prefixTokens(Tokenizer tokenizer) {
    int[] tokens = encode(tokenizer, prefix, Place.BEGINNING);
    if (begin == Begin.MODEL && tokenizer.addsBos()) {
      return concat(new int[] {tokenizer.bosId().orElseThrow()}, tokens);
    }
    return tokens;
  }

  /** Tokens that stand after those of the document; the answer follows them. */
  public int[] suffixTokens(Tokenizer tokenizer) {
    return encode(tokenizer, suffix, Place.CONTINUATION);
  }

  /** Texts at which an answer to this prompt ends unless the options say otherwise. */
  public List<String> stops() {
    return stops;
  }

  /**
   * The options with this prompt's own stop texts added, except where the call or the Spark
   * configuration sets {@code stop}.
   */
  public Options withStops(Options options) {
    if (options.sourceOf(GenerationOptions.STOP).compareTo(OptionSource.MODEL) > 0) {
      return options;
    }
    Set<String> all = new LinkedHashSet<>(options.get(GenerationOptions.STOP));
    all.addAll(stops);
    return options.with(GenerationOptions.STOP, List.copyOf(all), OptionSource.MODEL);
  }

  // the formats that small models without a chat template are trained on; their answers are a line
  private static Prompt plain(String after) {
    return new Prompt(Begin.MODEL, List.of(), List.of(Piece.text(after)), LINE_BREAK);
  }

  private static String summaryInstruction(Options options) {
    int maxWords = options.get(PromptOptions.MAX_WORDS);
    return maxWords == 0
        ? "Summarize the text above."
        : "Summarize the text above in at most " + maxWords + " words.";
  }

  private static int[] encode(Tokenizer tokenizer, List<Piece> pieces, Place first) {
    int[] tokens = {};
    Place place = first;
    for (Piece piece : pieces) {
      if (!piece.text().isEmpty()) {
        tokens = concat(tokens, piece.encode(tokenizer, place));
        place = Place.CONTINUATION;
      }
    }
    return tokens;
  }

  private static int[] concat(int[] first, int[] second) {
    return IntStream.concat(Arrays.stream(first), Arrays.stream(second)).toArray();
  }

  private static List<Piece> concat(List<Piece> pieces, Piece last) {
    return java.util.stream.Stream.concat(pieces.stream(), java.util.stream.Stream.of(last))
        .toList();
  }
}
