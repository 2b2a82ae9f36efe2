package org.longform.kernels.model;

import java.util.Objects;
import java.util.Optional;
import org.longform.kernels.attention.ColumnMass;
import org.longform.kernels.attention.ProbabilityTap;
import org.longform.kernels.device.AttendTaps;

/** Who is told of what a session reads, and who changes it before. */
final class Watchers {
  private AttendTaps taps = AttendTaps.NONE;
  private Optional<ProbabilityTap> probabilities = Optional.empty();
  private Optional<TokenScores> scores = Optional.empty();
  private BlockHooks hooks = BlockHooks.NONE;
  private HiddenStates hidden = (firstRow, states) -> {};

  AttendTaps taps() {
    return taps;
  }

  void mass(Optional<ColumnMass> target) {
    taps = target.map(AttendTaps.NONE::withColumnMass).orElse(AttendTaps.NONE);
  }

  Optional<ProbabilityTap> probabilities() {
    return probabilities;
  }

  void probabilities(Optional<ProbabilityTap> target) {
    probabilities = target;
  }

  Optional<TokenScores> scores() {
    return scores;
  }

  void scores(Optional<TokenScores> target) {
    scores = target;
  }

  /** What happens to the blocks of a prompt. */
  BlockHooks hooks() {
    return hooks;
  }

  void changeEmbeddings(InputEmbeddings change) {
    hooks = new BlockHooks(Objects.requireNonNull(change, "change"), hooks.exportLayer());
  }

  void exportHidden(int layers, HiddenStates target) {
    hidden = Objects.requireNonNull(target, "target");
    hooks = new BlockHooks(hooks.embeddings(), layers);
  }

  /** Tells the states of a block that was read, if they were asked for. */
  void exported(long firstRow, PassBlock block) {
    if (block.exported() != null) {
      hidden.add(firstRow, block.exported());
    }
  }
}
