package org.longform.feed;

import java.util.List;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Hierarchical context merging. */
final class Homer implements ReadingStrategy {
  private static final String NAME = "homer";
  // of a model of 32 layers, as published
  private static final int PUBLISHED_WARMUP = 12;
  // so that no chunk is ever empty
  private static final int FEWEST_TOKENS = 2;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String description() {
    return "The document is cut into chunks that fit the trained window, each with the prompt around it, and while they go through the layers neighbouring chunks are merged until one is left. "
        + "Before each merge the tokens that the question's last token cares least for are left out, of all layers, so that what is left in the end is a short cache of the tokens that matter. "
        + "Positions stay those inside the chunk, so none is beyond the window whatever the document's length.";
  }

  @Override
  public String whenToUse() {
    return "For one question about a long document whose answer is spread over several places, where memory is short. Each question costs a reading of its own; for many questions use reading 'sequential'.";
  }

  @Override
  public String cost() {
    return "Time grows with the document's tokens times the chunk's length, once for each question, and the document is tokenized twice. Memory grows with the logarithm of the number of chunks while it is read, and is target-length tokens then.";
  }

  @Override
  public String tuning() {
    return "It lives from prompts whose last token knows what is looked for, such as 'The pass key is', and from layers behind the "
        + "middle that look for it. The bundled model has neither: its prompts end with 'Answer:', and of its four layers only the "
        + "second looks things up. It answers 100 % where the document is one chunk, 55 % at 512 tokens with the default chunks of "
        + "256 tokens, and 33 % at 768 in two chunks of up to 512. For a model of few layers raise max-chunk-length to its window.";
  }

  @Override
  public String source() {
    return "Song et al. 2024, Hierarchical Context Merging: Better Long Context Understanding for Pre-trained LLMs (arXiv 2404.10308)";
  }

  @Override
  public String notCopied() {
    return "Chunks whose number is not a power of two times their length: the published code ends with a shorter chunk and fails at an empty one, here the lengths differ by one token at most. "
        + "Trees deeper than the layers to share: the published code leaves their merges without any layer and never reduces them, here the chunks go further, the root and the heights right below it have one layer each, and merges without a layer judge tokens by the last one they went through. "
        + "The calibrated bias of each distance, which the authors ship as files made for two models: it is zero. "
        + "The scale of positions (YaRN), which is a property of the model here.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            "max-chunk-length",
            "Most tokens of a chunk, the prompt around it included.",
            "half of the trained window",
            limits -> limits.trainedWindow() / 2,
            1),
        Parameter.integer(
            "max-initial-chunk-length",
            "Most tokens of a chunk before the first merge; 0 for max-chunk-length.",
            "0",
            limits -> 0L,
            0),
        Parameter.integer(
            "target-length",
            "Most tokens that are left in the end, the prompt included; 0 for max-chunk-length.",
            "0",
            limits -> 0L,
            0),
        Parameter.integer(
            "warmup-layers",
            "Layers that chunks run before their share of the others.",
            "12; for models with less than 32 layers three eighths of them",
            limits -> (long) Math.min(PUBLISHED_WARMUP, limits.layers() * 3 / 8),
            0));
  }

  @Override
  public boolean readsForQuestion() {
    return true;
  }

  @Override
  public boolean asksItself() {
    return true;
  }

  @Override
  public boolean needsLength() {
    return true;
  }

  @Override
  public boolean usesContext() {
    return false;
  }

  @Override
  public void check(ParameterValues values, ModelLimits limits) {
    require(
        values.integer("warmup-layers") < limits.layers(),
        "warmup-layers %d leave none of the model's %d layers for merging. Lower it.",
        values.integer("warmup-layers"),
        limits.layers());
    for (String length : List.of("max-chunk-length", "max-initial-chunk-length")) {
      require(
          values.integer(length) <= limits.trainedWindow(),
          "%s %d exceeds the %d tokens the model was trained on. Lower it.",
          length,
          values.integer(length),
          limits.trainedWindow());
    }
  }

  @Override
  public Feed open(ParameterValues values, FeedRequest request) {
    request.requireQuestion(NAME);
    long surrounding = (long) request.prefix().length + request.suffix().length;
    long chunk = values.integer("max-chunk-length");
    HomerTree.Lengths lengths =
        new HomerTree.Lengths(
            document("max-chunk-length", chunk, surrounding),
            document(
                "max-initial-chunk-length",
                chunkOr(values.integer("max-initial-chunk-length"), chunk),
                surrounding),
            document(
                "target-length", chunkOr(values.integer("target-length"), chunk), surrounding));
    return new HomerFeed(
        request,
        new HomerTree(
            request.documentTokens(),
            lengths,
            request.decoder().spec().layers(),
            Math.toIntExact(values.integer("warmup-layers"))));
  }

  private static long chunkOr(long given, long chunk) {
    return given == 0 ? chunk : given;
  }

  /** Tokens of the document that a length leaves room for. */
  private static int document(String parameter, long length, long surrounding) {
    require(
        length - surrounding >= FEWEST_TOKENS,
        "prompt and question have %d tokens, which leaves no room for a document in %s %d. Ask a shorter question or raise it.",
        surrounding,
        parameter,
        length);
    return Math.toIntExact(length - surrounding);
  }

  private static void require(boolean fine, String why, Object... values) {
    if (!fine) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use reading '%s': %s".formatted(NAME, why.formatted(values)));
    }
  }
}
