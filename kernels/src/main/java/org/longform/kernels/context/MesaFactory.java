package org.longform.kernels.context;

import java.util.List;
import java.util.Set;

/** The parameters of {@link Mesa}, their defaults and what does not go together. */
final class MesaFactory implements ContextFactory {
  /** Models trained on at least this many tokens get the published sizes. */
  private static final long PUBLISHED_WINDOW = 2048;

  @Override
  public String name() {
    return "mesa";
  }

  @Override
  public String description() {
    return "The middle of a document is read in chunks of about the trained window, each beside the first chunk alone; the end of "
        + "the document, the question and the answer see everything, far tokens at positions that they share with their "
        + "neighbours. Reading takes the same time per token anywhere in the document, and facts can be found anywhere in it.";
  }

  @Override
  public String whenToUse() {
    return "For single questions about documents of many times the trained window, where reading must stay cheap. Where facts depend "
        + "on others far before them use reattention: a middle chunk knows nothing of the chunks before it.";
  }

  @Override
  public String cost() {
    return "Time grows linearly with the length for reading, by the first chunk and one middle chunk for each token; each token of the "
        + "last chunk, the question and the answer looks at everything. Memory grows linearly: every token stays cached.";
  }

  @Override
  public String notCopied() {
    return "In the published program the straight part of the positions shrinks to nothing whenever the length passes a multiple of "
        + "the chunk width, and the text after the 50th generated token is not planned for; here the stairs begin a first chunk's "
        + "length before the last chunk and move on in steps. The split counts the tokens of the document and a room "
        + "for question and answer, not those of one question, so that several questions share a reading. Positions are "
        + "compressed only for tokens that are read beyond the trained window or in the last chunk of such a document.";
  }

  @Override
  public String source() {
    return "Ma et al. 2024, Mesa-Extrapolation: A Weave Position Encoding Method for Enhanced Extrapolation in LLMs (arXiv 2410.15859)";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.FULL_WHEN_SHORT);
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            "train-length",
            "Tokens up to which a document is read as it is, and that a middle chunk with the first one stays within.",
            "the trained window",
            ModelLimits::trainedWindow,
            4),
        Parameter.integer(
            "first-chunk",
            "Tokens at the beginning of the document that every chunk sees.",
            "100; for models trained on less than 2048 tokens a 20th of that window",
            limits -> isLarge(limits) ? 100 : Math.max(1, limits.trainedWindow() / 20),
            1),
        Parameter.integer(
            "first-chunk-cache",
            "Positions that first and middle chunk together leave unused: first_chunk_cache in the published program.",
            "100; for models trained on less than 2048 tokens a 20th of that window",
            limits -> isLarge(limits) ? 100 : limits.trainedWindow() / 20,
            0),
        Parameter.integer(
            "last-context",
            "Tokens that the last chunk, which sees everything, has at least, answer-room included.",
            "512; for models trained on less than 2048 tokens a quarter of that window",
            limits -> isLarge(limits) ? 512 : limits.trainedWindow() / 4,
            1),
        Parameter.integer(
            "answer-room",
            "Tokens of question and answer that the split plans for; more are read all the same.",
            "50 (a tenth of the trained window, if that is less)",
            limits -> Math.min(50, limits.trainedWindow() / 10),
            0),
        Parameter.integer(
            "remainder-limit",
            "Tokens beyond whole chunks that the last chunk takes in; from so many on all chunks become narrower instead.",
            "200 (a tenth of the trained window, if that is less)",
            limits -> Math.min(200, limits.trainedWindow() / 10),
            0),
        Parameter.integer(
            "push-width",
            "Far tokens that share a position: E in the paper.",
            "50",
            limits -> 50L,
            1),
        Parameter.choice(
            "query-gain",
            "Whether queries of the last chunk grow with the logarithm of their place beyond the train length (log-length, published), "
                + "or stay as they are (none).",
            "log-length",
            "log-length",
            "none"),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block; it changes the speed only.",
            "128",
            limits -> 128L,
            1));
  }

  private static boolean isLarge(ModelLimits limits) {
    return limits.trainedWindow() >= PUBLISHED_WINDOW;
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    MesaSplit.Sizes sizes =
        new MesaSplit.Sizes(
            values.integer("train-length"),
            values.integer("first-chunk"),
            values.integer("first-chunk-cache"),
            values.integer("last-context"),
            values.integer("answer-room"),
            values.integer("remainder-limit"));
    Combination combination = new Combination(name());
    combination.require(
        sizes.trainLength() <= limits.trainedWindow(),
        "train-length %d exceeds the %d tokens the model was trained on. Lower it.",
        sizes.trainLength(),
        limits.trainedWindow());
    combination.require(
        sizes.span() > 0,
        "first-chunk %d and first-chunk-cache %d leave no position of train-length %d for a middle chunk. Lower one of them.",
        sizes.first(),
        sizes.unused(),
        sizes.trainLength());
    combination.require(
        sizes.answerRoom() <= sizes.last(),
        "answer-room %d exceeds last-context %d, of which it is a part. Lower it.",
        sizes.answerRoom(),
        sizes.last());
    return new Mesa(
        new Mesa.Settings(
            sizes,
            values.integer("push-width"),
            values.choice("query-gain").equals("none") ? Mesa.Gain.NONE : Mesa.Gain.LOG_LENGTH,
            Math.toIntExact(values.integer("chunk-size"))));
  }
}
