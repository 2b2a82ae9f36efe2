package org.longform.decoding;

import java.util.function.IntFunction;
import org.longform.kernels.model.TokenTree;

/**
 * Guesses how an answer goes on, while it is written. Whatever is guessed, the answer is the same
 * (or, where chances decide, equally probable): right guesses spare the model steps.
 *
 * <p>Belongs to one answer and one thread.
 */
public interface Guesser extends AutoCloseable {
  /** The chosen token alone. */
  Guesser NONE = (chosen, room, chooser) -> TokenTree.of(chosen);

  /**
   * What the session reads next.
   *
   * @param chosen the token that the answer has next; row 0 of the tree
   * @param room so many more tokens the answer may have at most, at least 1: guesses that lie more
   *     than {@code room - 1} behind row 0 are of no use
   * @param chooser of the answer
   */
  TokenTree guess(int chosen, int room, TokenChooser chooser);

  /** The tree was read; {@code logits} gives the scores behind each of its rows. */
  default void read(TokenTree tree, IntFunction<float[]> logits) {}

  /** Chooses the token behind a row of the tree, of those that are right. */
  default int choose(TokenTree tree, int row, float[] logits, TokenChooser chooser) {
    return chooser.next(logits);
  }

  /** A guess was right: its row is part of the answer. */
  default void accepted(int row) {}

  @Override
  default void close() {}
}
