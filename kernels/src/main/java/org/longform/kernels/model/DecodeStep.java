package org.longform.kernels.model;

import java.util.List;
import java.util.Objects;
import org.longform.kernels.cache.Patience;
import org.longform.kernels.error.LongformException;

/**
 * One generated token to be read by its session, perhaps with guesses of what follows it, and the
 * logits behind each of them.
 *
 * <p>A step with guesses keeps its session busy until {@link #settle}: the rows that were {@link
 * #accept accepted} are tokens of the session then, the others have left no trace.
 */
public final class DecodeStep {
  private final Session session;
  private final TokenTree tree;
  private final Patience patience;
  // whether the session has the token
  private boolean taken;
  private TreePass pass;
  private boolean ended;
  private Throwable failure;
  // guarded by the batcher's lock: the steps of the same call, and whether this one is over
  private List<DecodeStep> company = List.of();
  private boolean done;

  public DecodeStep(Session session, int token) {
    this(session, TokenTree.of(token));
  }

  public DecodeStep(Session session, TokenTree tree) {
    this.session = Objects.requireNonNull(session, "session");
    this.tree = Objects.requireNonNull(tree, "tree");
    this.patience = session.patience();
  }

  public Session session() {
    return session;
  }

  public TokenTree tree() {
    return tree;
  }

  /**
   * Scores for the token after this one, one for each id of the vocabulary. Throws what made the
   * reading fail, if it did; the token is pending then.
   */
  public float[] logits() {
    return logits(0);
  }

  /** As {@link #logits()}, for the token after a row of the tree. */
  public float[] logits(int row) {
    requireRead();
    return pass.logits(row);
  }

  /**
   * Makes a guess the session's next token. It must continue the one accepted last; row 0 is
   * accepted already.
   */
  public void accept(int row) {
    requireRead();
    session.accept(pass, row);
  }

  /** Forgets the guesses that were not accepted. */
  public void settle() {
    requireRead();
    session.settle(pass);
  }

  private void requireRead() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
    if (!ended) {
      throw new IllegalStateException("the step was not given to a batcher", failure);
    }
  }

  /** Waits for memory; answers whether the step can begin. */
  boolean prepare() {
    return succeeds(
        () -> {
          if (taken) {
            session.admit(tree);
          } else {
            session.prepare(tree);
            taken = true;
          }
        });
  }

  /** Makes room in the session's cache; answers whether the step can be read. */
  boolean begin() {
    return succeeds(() -> pass = patience.ask(() -> session.begin(tree)));
  }

  /**
   * Whether it should be tried again, as a full device had no room for it; waits for other
   * documents then, if those that were read with it were not all.
   */
  boolean asksAgain() {
    if (!taken || pass != null || !Patience.isRefusal(failure)) {
      return false;
    }
    try {
      if (!patience.lasts()) {
        return false;
      }
      failure = null;
      return true;
    } catch (LongformException e) {
      // cancelled meanwhile
      failure = e;
      return false;
    }
  }

  /** Whether its session is kept busy by guesses that were read. */
  boolean unsettled() {
    return ended && tree.size() > 1;
  }

  private boolean succeeds(Runnable part) {
    try {
      part.run();
      return true;
    } catch (Throwable e) {
      fail(e);
      return false;
    }
  }

  TreePass pass() {
    return pass;
  }

  /** Whether no part of it is to be read any more. */
  boolean over() {
    return pass.failed() || pass.rowsLeft() == 0;
  }

  private void fail(Throwable e) {
    if (failure == null) {
      failure = e;
    }
  }

  /** Makes the token part of the session, or takes it back. */
  void end() {
    try {
      session.end(pass);
      ended = true;
    } catch (Throwable e) {
      failure = e;
    }
  }

  void comesWith(List<DecodeStep> steps) {
    company = steps;
  }

  List<DecodeStep> company() {
    return company;
  }

  boolean done() {
    return done;
  }

  void setDone() {
    done = true;
  }
}
