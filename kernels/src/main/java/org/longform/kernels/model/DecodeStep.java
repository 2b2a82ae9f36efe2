package org.longform.kernels.model;

import java.util.List;
import java.util.Objects;

/** One generated token to be read by its session, and the logits that follow it. */
public final class DecodeStep {
  private final Session session;
  private final int token;
  private PassBlock block;
  private float[] logits;
  private Throwable failure;
  // guarded by the batcher's lock: the steps of the same call, and whether this one is over
  private List<DecodeStep> company = List.of();
  private boolean done;

  public DecodeStep(Session session, int token) {
    this.session = Objects.requireNonNull(session, "session");
    this.token = token;
  }

  public Session session() {
    return session;
  }

  /**
   * Scores for the token after this one, one for each id of the vocabulary. Throws what made the
   * reading fail, if it did; the token is pending then.
   */
  public float[] logits() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
    if (logits == null) {
      throw new IllegalStateException("the step was not given to a batcher", failure);
    }
    return logits;
  }

  /** Waits for memory; answers whether the step can begin. */
  boolean prepare() {
    return succeeds(() -> session.prepare(token));
  }

  /** Makes room in the session's cache; answers whether the step can be read. */
  boolean begin() {
    return succeeds(() -> block = session.begin());
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

  PassBlock block() {
    return block;
  }

  void answer(float[] scores) {
    logits = scores;
  }

  void fail(Throwable e) {
    if (failure == null) {
      failure = e;
    }
  }

  /** Makes the token part of the session, or takes it back. */
  void end() {
    try {
      session.end(block);
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
