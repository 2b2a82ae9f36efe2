package org.longform.decoding;

import org.longform.kernels.model.TokenTree;

/**
 * Guesses nothing but what must follow, so that the model reads it in one step. Without a
 * constraint nothing must.
 */
record CertainTokens(int most) implements Guesser {
  @Override
  public TokenTree guess(int chosen, int room, TokenChooser chooser) {
    return TokenTree.chain(chosen, chooser.continuations().forced(Math.min(most, room - 1)));
  }
}
