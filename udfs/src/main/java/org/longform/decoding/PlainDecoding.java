package org.longform.decoding;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.model.Session;

/** One token at a time. */
final class PlainDecoding implements DecodingStrategy {
  // with the token before them the rows that one pass of device cpu has room for
  private static final int MOST_CERTAIN = 7;

  @Override
  public String name() {
    return "plain";
  }

  @Override
  public String description() {
    return "The model reads each token it has written and gives the scores of the next one. Nothing is guessed; what "
        + "must follow in JSON of a given schema is read in one step. Answers that are written at the same time share each pass through the weights (continuous batching).";
  }

  @Override
  public String whenToUse() {
    return "Where many answers are written at once, so that passes are full anyway; it is the default and works with "
        + "every context.";
  }

  @Override
  public String cost() {
    return "One pass through the weights for each token; with several answers at once one for a token of each. "
        + "Memory: the keys and values of what was written.";
  }

  @Override
  public String source() {
    return "Vaswani et al. 2017, Attention Is All You Need; Yu et al. 2022, Orca (continuous batching)";
  }

  @Override
  public String notCopied() {
    return "Nothing: it is what the other strategies are measured by.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of();
  }

  @Override
  public boolean guesses() {
    return false;
  }

  @Override
  public Decoding open(DecodingSetup setup) {
    return new PlainAnswer(Guesser.NONE);
  }

  /** What a grammar makes certain is read in one step, where the context could take it back. */
  private record PlainAnswer(Guesser guesser) implements Decoding {
    @Override
    public Decoding fork(Session session) {
      return session.mayBranch() ? new PlainAnswer(new CertainTokens(MOST_CERTAIN)) : this;
    }
  }
}
