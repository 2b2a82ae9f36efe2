package org.longform.spark.job;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Tells how far the reading is: on a terminal one line that is written over, elsewhere a new line
 * now and then.
 */
final class ProgressLine {
  private static final Duration ON_TERMINAL = Duration.ofMillis(500);
  private static final Duration IN_LOG = Duration.ofSeconds(10);
  private static final double USUAL_TOKENS_PER_CHARACTER = 0.25;

  private final PrintStream out;
  private final Screen screen;
  private final LongSupplier nanoTime;
  private long started;
  private long lastPrinted;
  private int lastWidth;

  /** What the line is written to. */
  enum Screen {
    TERMINAL,
    LOG
  }

  /**
   * How far the reading is.
   *
   * @param charactersDone of documents that were read to their end
   * @param tokensDone tokens of those documents; 0 while unknown
   * @param tokensRead tokens read so far, also of documents that are not finished
   * @param left the time it still takes; empty to tell it from the tokens
   */
  record State(
      WorkIndex.Amount total,
      long documentsDone,
      long charactersDone,
      long tokensDone,
      long tokensRead,
      Optional<Duration> left) {}

  ProgressLine(PrintStream out, Screen screen, LongSupplier nanoTime) {
    this.out = out;
    this.screen = screen;
    this.nanoTime = nanoTime;
    this.started = nanoTime.getAsLong();
    this.lastPrinted = started;
  }

  /** Time counts from here. */
  void start() {
    this.started = nanoTime.getAsLong();
    this.lastPrinted = started;
  }

  /** Prints if it is time to. */
  void show(State state) {
    long now = nanoTime.getAsLong();
    Duration pause = screen == Screen.TERMINAL ? ON_TERMINAL : IN_LOG;
    if (now - lastPrinted < pause.toNanos()) {
      return;
    }
    lastPrinted = now;
    String line = text(state, elapsed());
    if (screen == Screen.TERMINAL) {
      out.print("\r" + line + " ".repeat(Math.max(0, lastWidth - line.length())));
      lastWidth = line.length();
    } else {
      out.println(line);
    }
    out.flush();
  }

  /** Ends the line, so that what follows stands on its own. */
  void end() {
    if (lastWidth > 0) {
      out.print("\r" + " ".repeat(lastWidth) + "\r");
      out.flush();
      lastWidth = 0;
    }
  }

  Duration elapsed() {
    return Duration.ofNanos(nanoTime.getAsLong() - started);
  }

  static String text(State state, Duration elapsed) {
    double seconds = elapsed.toNanos() / 1e9;
    double speed = seconds > 0 ? state.tokensRead() / seconds : 0;
    return String.format(
        Locale.ROOT,
        "%d of %d documents, %,d tokens read, %,.0f tokens/s, %s",
        state.documentsDone(),
        state.total().documents(),
        state.tokensRead(),
        speed,
        timeLeft(state, speed));
  }

  private static String timeLeft(State state, double speed) {
    if (state.left().isPresent()) {
      return clock(state.left().get()) + " left";
    }
    if (speed <= 0) {
      return "time left unknown";
    }
    // before the first document ends, only a guess tells how many tokens its characters are
    double tokensPerCharacter =
        state.charactersDone() > 0 && state.tokensDone() > 0
            ? (double) state.tokensDone() / state.charactersDone()
            : USUAL_TOKENS_PER_CHARACTER;
    double tokens = tokensPerCharacter * state.total().characters();
    return clock(Duration.ofSeconds((long) Math.max(0, (tokens - state.tokensRead()) / speed)))
        + " left";
  }

  static String clock(Duration time) {
    return time.toHours() > 0
        ? "%d h %02d min".formatted(time.toHours(), time.toMinutesPart())
        : time.toMinutes() > 0
            ? "%d min %02d s".formatted(time.toMinutes(), time.toSecondsPart())
            : time.toSeconds() + " s";
  }
}
