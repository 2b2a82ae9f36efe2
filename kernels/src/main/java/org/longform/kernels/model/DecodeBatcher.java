package org.longform.kernels.model;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.longform.kernels.tensor.Tensor;

/**
 * Brings the generated tokens that sessions of one model read at about the same time through the
 * layers together, so that the weights are read once for all of them (continuous batching).
 * Sessions join and leave at every token, whichever threads they belong to. A token may come with
 * guesses of what follows it, which are rows of the pass, too.
 *
 * <p>There is no thread of its own: of the threads that wait one leads the next pass. A pass begins
 * when everybody is there who was in the last one and has not left, or when half as long as that
 * one took has gone by. So a session alone never waits, and none waits long for one that is slow.
 *
 * <p>What a session does for itself alone (making room in its cache, giving it up after a failure)
 * is done by the thread it belongs to; during a pass its strategy and its watchers are called by
 * the thread that leads.
 *
 * <p>No pass has more rows than the device computes alike, so a session's logits do not depend on
 * who shares its passes; more guesses take several passes. On a device that computes no two rows
 * alike each token is read alone.
 */
public final class DecodeBatcher {
  private static final int MOST_ROWS = 32;

  private final int limit;
  private final LongSupplier nanos;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<DecodeStep> waiting = new ArrayDeque<>();
  // of the last pass, those that have neither come again nor left
  private final Set<Session> returning = new HashSet<>();
  private final LongAdder passes = new LongAdder();
  private final LongAdder tokens = new LongAdder();
  private boolean leading;
  // until when those who wait wait for those who are to return
  private long deadlineNanos;

  DecodeBatcher(int alikeRows) {
    this(alikeRows, System::nanoTime);
  }

  DecodeBatcher(int alikeRows, LongSupplier nanos) {
    this.limit = Math.min(alikeRows, MOST_ROWS);
    this.nanos = nanos;
  }

  /** The most rows of one pass. */
  public int limit() {
    return limit;
  }

  /** Passes so far. */
  public long passes() {
    return passes.sum();
  }

  /** Rows of all passes, wrong guesses included. */
  public long tokens() {
    return tokens.sum();
  }

  /**
   * Reads one token of each of several sessions, which belong to the calling thread, with the
   * guesses that come with it, and comes back when all are read. Those for which a full device has
   * no room are read after the others. Whatever fails is thrown by {@link DecodeStep#logits} of its
   * step alone. Steps with guesses must be settled before the next call.
   */
  public void read(List<DecodeStep> steps) {
    List<DecodeStep> left = steps;
    while (!left.isEmpty()) {
      readWhatHasRoom(left);
      // guesses keep pages where they are until the caller settles them: nobody may wait for that
      left =
          steps.stream().anyMatch(DecodeStep::unsettled)
              ? List.of()
              : left.stream().filter(DecodeStep::asksAgain).toList();
    }
  }

  private void readWhatHasRoom(List<DecodeStep> steps) {
    // all wait for memory before any reads: a document that is read keeps others waiting
    List<DecodeStep> prepared = steps.stream().filter(DecodeStep::prepare).toList();
    List<DecodeStep> begun = prepared.stream().filter(DecodeStep::begin).toList();
    if (limit > 1) {
      together(begun);
    } else {
      for (DecodeStep step : begun) {
        while (!step.over()) {
          step.pass().next(1);
          pass(List.of(step));
        }
      }
    }
    begun.forEach(DecodeStep::end);
  }

  /** As {@link #read}, for one session; its logits. */
  public float[] read(Session session, int token) {
    DecodeStep step = new DecodeStep(session, token);
    read(List.of(step));
    return step.logits();
  }

  /** Says that no more tokens of the session will come soon, so that nobody waits for them. */
  public void leave(Session session) {
    lock.lock();
    try {
      if (returning.remove(session)) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  private void together(List<DecodeStep> steps) {
    boolean interrupted = false;
    lock.lock();
    try {
      for (DecodeStep step : steps) {
        step.comesWith(steps);
        waiting.add(step);
        returning.remove(step.session());
      }
      while (!steps.stream().allMatch(DecodeStep::done)) {
        if (leading) {
          changed.awaitUninterruptibly();
          continue;
        }
        long patience = deadlineNanos - nanos.getAsLong();
        if (waitingRows() >= limit || returning.isEmpty() || patience <= 0) {
          lead();
          continue;
        }
        try {
          changed.awaitNanos(patience);
        } catch (InterruptedException e) {
          // whoever interrupts says so to the session's cancellation, too, which every pass asks
          interrupted = true;
        }
      }
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private int waitingRows() {
    return waiting.stream().mapToInt(step -> step.pass().rowsLeft()).sum();
  }

  /** Reads the rows that have waited longest. Holds the lock before and after, not meanwhile. */
  private void lead() {
    List<DecodeStep> batch = new ArrayList<>();
    int room = limit;
    for (DecodeStep step : waiting) {
      if (room == 0) {
        break;
      }
      int rows = Math.min(room, step.pass().rowsLeft());
      step.pass().next(rows);
      room -= rows;
      batch.add(step);
    }
    leading = true;
    lock.unlock();
    long begin = nanos.getAsLong();
    try {
      pass(batch);
    } finally {
      long end = nanos.getAsLong();
      lock.lock();
      leading = false;
      deadlineNanos = end + (end - begin) / 2;
      returning.clear();
      // a large tree goes on with its other rows
      List<DecodeStep> over = batch.stream().filter(DecodeStep::over).toList();
      waiting.removeAll(over);
      over.forEach(DecodeStep::setDone);
      // a thread whose other tokens still wait cannot come with the next ones
      over.stream()
          .flatMap(step -> step.company().stream())
          .filter(step -> step.company().stream().allMatch(DecodeStep::done))
          .filter(step -> !step.pass().failed())
          .forEach(step -> returning.add(step.session()));
      changed.signalAll();
    }
  }

  /** Reads the part that each of the steps has begun. */
  private void pass(List<DecodeStep> batch) {
    Session first = batch.get(0).session();
    List<PassBlock> blocks = batch.stream().map(step -> step.pass().part()).toList();
    try {
      Tensor hidden = first.forward().run(blocks);
      passes.increment();
      tokens.add(blocks.stream().mapToInt(PassBlock::tokens).sum());
      if (blocks.stream().allMatch(PassBlock::failed)) {
        return;
      }
      List<float[]> logits = first.head().logits(hidden);
      int at = 0;
      for (DecodeStep step : batch) {
        int rows = step.pass().part().tokens();
        step.pass().answer(logits.subList(at, at + rows));
        at += rows;
      }
    } catch (Throwable e) {
      blocks.forEach(block -> block.fail(e));
    }
  }
}
