package org.longform.hub;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells how far a download is: on a terminal one line with a bar that is written over, elsewhere a
 * new line now and then.
 */
final class DownloadProgress {
  private static final Logger LOG = LoggerFactory.getLogger(DownloadProgress.class);
  // set by ci/longform: Java cannot tell whether its error stream is a terminal
  private static final String COMMAND_LINE = "longform.terminal";
  private static final Duration ON_TERMINAL = Duration.ofMillis(200);
  private static final Duration IN_LOG = Duration.ofSeconds(10);
  private static final int BAR = 24;

  private final PrintStream out;
  private final Screen screen;
  private final LongSupplier nanoTime;
  private String model = "";
  private long total;
  private long before;
  private long started;
  private long lastShown;
  private int lastWidth;

  /** What reads the line. */
  enum Screen {
    TERMINAL,
    FILE,
    LOG
  }

  DownloadProgress(PrintStream out, Screen screen, LongSupplier nanoTime) {
    this.out = out;
    this.screen = screen;
    this.nanoTime = nanoTime;
  }

  static DownloadProgress ofThisProcess() {
    return new DownloadProgress(System.err, screenOfThisProcess(), System::nanoTime);
  }

  private static Screen screenOfThisProcess() {
    String commandLine = System.getProperty(COMMAND_LINE);
    if (commandLine != null) {
      return Boolean.parseBoolean(commandLine) ? Screen.TERMINAL : Screen.FILE;
    }
    return System.console() == null ? Screen.LOG : Screen.TERMINAL;
  }

  /**
   * @param before bytes that were there already
   */
  synchronized void begin(String name, long before, long total) {
    this.model = name;
    this.before = before;
    this.total = total;
    this.started = nanoTime.getAsLong();
    this.lastShown = started;
  }

  /** So many bytes are there now. */
  synchronized void at(long done) {
    long now = nanoTime.getAsLong();
    if (now - lastShown < (screen == Screen.TERMINAL ? ON_TERMINAL : IN_LOG).toNanos()) {
      return;
    }
    lastShown = now;
    String line = text(done, Duration.ofNanos(now - started));
    switch (screen) {
      case TERMINAL -> {
        out.print("\r" + line + " ".repeat(Math.max(0, lastWidth - line.length())));
        out.flush();
        lastWidth = line.length();
      }
      case FILE -> out.println(line);
      case LOG -> LOG.info(line);
    }
  }

  /** Clears the line, so that what follows stands on its own. */
  synchronized void end() {
    if (lastWidth > 0) {
      out.print("\r" + " ".repeat(lastWidth) + "\r");
      out.flush();
      lastWidth = 0;
    }
  }

  private String text(long done, Duration elapsed) {
    double share = total == 0 ? 1 : (double) done / total;
    double perSecond = (done - before) / Math.max(elapsed.toMillis() / 1e3, 1e-3);
    int filled = (int) (BAR * share);
    String bar =
        screen != Screen.TERMINAL ? "" : " [" + "#".repeat(filled) + "-".repeat(BAR - filled) + "]";
    return String.format(
        Locale.ROOT,
        "Downloading %s%s %.0f %%, %.2f of %.2f GB, %.1f MB/s%s",
        model,
        bar,
        100 * share,
        done / 1e9,
        total / 1e9,
        perSecond / 1e6,
        perSecond < 1 ? "" : ", " + left((total - done) / perSecond));
  }

  private static String left(double seconds) {
    long whole = Math.round(seconds);
    return whole >= 3600
        ? "%d h %02d min left".formatted(whole / 3600, whole % 3600 / 60)
        : whole >= 60 ? "%d min %02d s left".formatted(whole / 60, whole % 60) : whole + " s left";
  }
}
