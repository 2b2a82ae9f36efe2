package org.longform.decoding;

import java.util.function.Function;
import org.longform.kernels.model.Session;

/** Decoding whose guesses come from the tokens that were read and written so far. */
final class Remembered implements Decoding {
  private final TokenHistory history;
  private final Function<TokenHistory, Guesser> guessers;

  Remembered(Function<TokenHistory, Guesser> guessers) {
    this(new TokenHistory(), guessers);
  }

  private Remembered(TokenHistory history, Function<TokenHistory, Guesser> guessers) {
    this.history = history;
    this.guessers = guessers;
  }

  @Override
  public void feed(Session session, int[] tokens, int from, int count) {
    session.feed(tokens, from, count);
    history.add(tokens, from, count);
  }

  @Override
  public void known(int[] tokens, int from, int count) {
    history.add(tokens, from, count);
  }

  @Override
  public void ask(Session session, int[] tokens) {
    session.ask(tokens);
    history.add(tokens, 0, tokens.length);
  }

  @Override
  public Decoding fork(Session session) {
    return new Remembered(history.fork(), guessers);
  }

  @Override
  public Guesser guesser() {
    return guessers.apply(history);
  }
}
