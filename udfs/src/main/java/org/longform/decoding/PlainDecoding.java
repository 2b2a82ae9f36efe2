package org.longform.decoding;

import java.util.List;
import org.longform.kernels.context.Parameter;

/** One token at a time. */
final class PlainDecoding implements DecodingStrategy {
  @Override
  public String name() {
    return "plain";
  }

  @Override
  public String description() {
    return "The model reads each token it has written and gives the scores of the next one. Nothing is guessed. Answers "
        + "that are written at the same time share each pass through the weights (continuous batching).";
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
    return () -> Guesser.NONE;
  }
}
