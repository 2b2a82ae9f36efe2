package org.longform.bench.engines;

import java.nio.file.Path;

/** A program that reads and writes tokens with one model file. */
public interface Engine extends AutoCloseable {
  /** Word in the table, for example {@code longform} or {@code llama-bench fa=1}. */
  String name();

  /** One line: version, and the instructions it uses as far as it tells. */
  String detail();

  /**
   * Tokens a second of one piece of work, once for each repetition. Preparing it (loading, filling
   * the cache up to the depth) is not timed.
   */
  double[] tokensPerSecond(Work work, int repetitions);

  /** Whether it can do the work at all. */
  default boolean can(Work work) {
    return true;
  }

  /** Whether it does untimed work of its own before it measures. */
  default boolean warms() {
    return false;
  }

  @Override
  void close();

  /** Opens an engine. */
  interface Opener {
    String name();

    Engine open(Path model, int threads);

    /** Whether it can be asked what happens behind tens of thousands of tokens. */
    default boolean reachesDepths() {
      return true;
    }
  }

  /**
   * What is timed.
   *
   * @param depth tokens in the cache before
   * @param tokens how many are read or written
   * @param writes whether they are written one after the other, or read at once
   */
  record Work(int depth, int tokens, boolean writes) {
    /** Reads {@code tokens} into an empty cache. */
    public static Work prefill(int tokens) {
      return new Work(0, tokens, false);
    }

    /** Writes {@code tokens} behind {@code depth} others. */
    public static Work decode(int depth, int tokens) {
      return new Work(depth, tokens, true);
    }
  }
}
