package org.longform.feed;

import java.util.List;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Retrieval by the attention that a question pays to each window of a document. */
final class InfiniRetri implements ReadingStrategy {
  private static final String NAME = "infini-retri";
  private static final String LAYER = "attention-layer";
  private static final long PUBLISHED_WINDOW = 1024;
  private static final long PUBLISHED_FOCUS = 300;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String description() {
    return "A window of the document after the other is read with the question behind it, and the sentences that hold the tokens the question attends to most, in the last layer, are carried on in front of the next window. "
        + "In the end the question is asked of the carried sentences alone, in the order of the document. "
        + "Only their token ids are carried, so that nothing is kept of a window but what the question looked at.";
  }

  @Override
  public String whenToUse() {
    return "For one question that a few sentences somewhere in a long document answer. Not for summaries or for questions about the whole, and for many questions about one document reading 'sequential' is cheaper.";
  }

  @Override
  public String cost() {
    return "Time grows with the document's tokens: a prefill of the window, the retained sentences and the question for each window, once for each question. Memory is that of one such prefill, whatever the document's length.";
  }

  @Override
  public String tuning() {
    return "The last layer is the paper's choice for models of many layers. Try attention-layer where it finds little: the bundled model "
        + "looks things up in the second of its four layers and spreads the attention of the last evenly over all sentences. Of "
        + "22 sentences the right one was first in 75 % of 40 questions by attention-layer 1 with question-weights 'equal', and "
        + "in 5 % by the last layer.";
  }

  @Override
  public String source() {
    return "Ye et al. 2025, Infinite Retrieval: Attention Enhanced LLMs in Long-Context Processing (arXiv 2502.12962)";
  }

  @Override
  public String notCopied() {
    return "Carrying keys and values instead of token ids, which the authors advise against. "
        + "Switching the question's weights off from the second window on only: they count in all windows or, with 'equal', in none. "
        + "Tokenizing each sentence for itself: here the document's own tokens are grouped, so that a document that fits is read as it would be otherwise. "
        + "Finding the question in the prompt by blank lines: all that follows the document asks. "
        + "The last 512 characters as a question where there is none: that is refused. "
        + "Retained sentences without a limit: here they have retained-tokens.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.integer(
            "window-length",
            "Tokens of the document that are read at once, beside what is retained.",
            "1024 (half of the trained window, if that is less)",
            InfiniRetri::windowLength,
            1),
        Parameter.integer(
            "focus-tokens",
            "How many of the tokens that get most of the question's attention decide which sentences are retained.",
            "300 of 1024; as much less as window-length is by default",
            limits -> Math.max(1, PUBLISHED_FOCUS * windowLength(limits) / PUBLISHED_WINDOW),
            1),
        Parameter.integer(
            "phrase-length",
            "Neighbouring tokens whose attention is added up: about as many as an answer has.",
            "8",
            limits -> 8L,
            1),
        Parameter.integer(
            LAYER,
            "Layer whose attention decides, counted from 0.",
            "the last without a window of its own",
            limits -> (long) limits.lastFarLayer(),
            0),
        Parameter.choice(
            "question-weights",
            "Whether a token of the question counts by the attention it pays to the question in the first window, or as any other.",
            "self-attention",
            "self-attention",
            "equal"),
        Parameter.integer(
            "retained-tokens",
            "Most tokens of all retained sentences; one sentence is always retained.",
            "1024 (three eighths of the trained window, if that is less)",
            limits -> Math.min(PUBLISHED_WINDOW, Math.max(1, limits.trainedWindow() * 3 / 8)),
            1));
  }

  private static long windowLength(ModelLimits limits) {
    return Math.min(PUBLISHED_WINDOW, limits.trainedWindow() / 2);
  }

  @Override
  public boolean readsForQuestion() {
    return true;
  }

  @Override
  public boolean needsText() {
    return true;
  }

  @Override
  public boolean usesContext() {
    return true;
  }

  @Override
  public void check(ParameterValues values, ModelLimits limits) {
    if (values.integer(LAYER) >= limits.layers()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use reading '%s': %s %d is none of the model's layers 0 to %d. Lower it or leave it out."
              .formatted(NAME, LAYER, values.integer(LAYER), limits.layers() - 1));
    }
  }

  @Override
  public Feed open(ParameterValues values, FeedRequest request) {
    request.requireQuestion(NAME);
    SentenceSelection selection =
        new SentenceSelection(
            Math.toIntExact(values.integer("focus-tokens")),
            Math.toIntExact(values.integer("phrase-length")),
            Math.toIntExact(values.integer("retained-tokens")));
    return new InfiniRetriFeed(
        request,
        Math.toIntExact(values.integer("window-length")),
        Math.toIntExact(values.integer(LAYER)),
        selection,
        values.choice("question-weights").equals("equal")
            ? InfiniRetriFeed.Weights.EQUAL
            : InfiniRetriFeed.Weights.SELF_ATTENTION);
  }
}
