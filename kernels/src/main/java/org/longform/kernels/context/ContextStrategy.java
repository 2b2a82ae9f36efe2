package org.longform.kernels.context;

import java.util.Optional;
import java.util.OptionalLong;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.HeadMass;
import org.longform.kernels.cache.Gathering;
import org.longform.kernels.cache.Rows;

/**
 * Decides which cached tokens a block of queries sees, and at which positions. One instance serves
 * one document; it knows nothing of the model or the device.
 */
public interface ContextStrategy {
  /**
   * How many of the document's tokens to read next as one block.
   *
   * @param read tokens read so far
   * @param promptTokens tokens of the whole prompt if known in advance, else -1; of the document
   *     alone for strategies that {@link #dependsOnDocumentLength}
   */
  int nextChunk(long read, long promptTokens);

  /** Whether the borders of the blocks depend on the length of the whole prompt. */
  default boolean dependsOnPromptLength() {
    return false;
  }

  /**
   * Whether what tokens see depends on the length of the document, though not on that of the
   * question: several questions share a reading.
   */
  default boolean dependsOnDocumentLength() {
    return false;
  }

  /**
   * How many tokens of the question (what follows the document) to read as one block. 1 lets each
   * token select its own context, as generated tokens do.
   */
  int questionChunk();

  /** What the block attends to in one layer. Called once for each layer of each block, in order. */
  AttentionPlan plan(PlanRequest request);

  /**
   * Who is told how much attention each token got from each query head in this layer's next
   * attention; asked after {@link #plan}. Empty, as long as nothing is learned from it: a device
   * then computes none.
   */
  default Optional<HeadMass> watch(int layer) {
    return Optional.empty();
  }

  /** Whether {@link #scored} is to be told of every token. */
  default boolean wantsScores() {
    return false;
  }

  /**
   * Tells how surprising the tokens of a block were that was read, before {@link #retain}.
   *
   * @param first index of the first token that was scored: that of the block, or the one behind it
   *     at the beginning of the document, which nothing predicts
   * @param surprises {@code -ln p(token | what was seen before)} in nats
   */
  default void scored(long first, double[] surprises) {}

  /**
   * Tokens to read behind the block that was read, and to forget: what they attend to tells which
   * tokens are worth keeping (InfiniPot's catalyst prompt). They come as a block of their own to
   * {@link #plan}, and nothing of them stays. Asked after {@link #scored}, before {@link #retain}.
   *
   * @param length tokens read so far
   */
  default int[] probe(long length) {
    return new int[0];
  }

  /** The most tokens that {@link #probe} ever answers. */
  default int mostProbeTokens() {
    return 0;
  }

  /**
   * Which tokens stay cached after a block was read.
   *
   * @param held what is cached now, the block included
   * @param length tokens read so far, the block included
   */
  default Rows retain(Rows held, long length) {
    return held;
  }

  /**
   * Which rows each layer and key/value head keeps, to be moved together to rows 0 to n-1. For
   * strategies whose choice differs from head to head, or lies so scattered that {@link #retain}
   * would free nothing. Asked after {@link #retain}; {@link #gathered} says that it was done.
   *
   * @param held what is cached now, the block included
   * @param length tokens read so far, the block included
   * @return empty if all rows stay where they are
   */
  default Optional<Gathering> gather(Rows held, long length) {
    return Optional.empty();
  }

  /** Tells that the rows were moved as {@link #gather} wished. */
  default void gathered() {}

  /** Tells that a question comes: what was read before is the past of a new turn. */
  default void turn() {}

  /**
   * Whether a reading can be stopped and gone on with elsewhere from the tokens that {@link
   * #retain} keeps: their number does not grow with the document, and nothing else is remembered.
   */
  default boolean resumable() {
    return false;
  }

  /**
   * The most tokens that are ever cached, the block that is read included; empty where that grows
   * with the document.
   */
  default OptionalLong mostTokensHeld() {
    return OptionalLong.empty();
  }

  /**
   * Bytes on the Java heap that it remembers of each token that is read, in a layer whose queries
   * have so many numbers; 0 where they do not grow with the document.
   *
   * @param queryWidth H*D
   */
  default double heapBytesPerToken(int queryWidth) {
    return 0;
  }

  /**
   * Whether guesses may be planned of which most are wrong: {@link #plan} remembers nothing, nobody
   * is told of masses or scores and nothing is probed, and a token sees the same whether or not
   * {@link #retain} was asked after each one before it. Each row of guesses is planned alone, with
   * the rows that lead to it, as if it were generated.
   */
  default boolean mayBranch() {
    return false;
  }

  /** An instance for a second document with the same past. */
  default ContextStrategy fork() {
    return this;
  }
}
