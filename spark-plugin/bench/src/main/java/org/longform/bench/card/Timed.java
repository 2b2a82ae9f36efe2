package org.longform.bench.card;

import java.util.Locale;

/**
 * A piece of work and how long it took. Its line has the columns of the card's benchmark of
 * operations, and the tokens.
 *
 * @param bytes that have to be read for it
 * @param operations that have to be done for it, a multiply-add being two
 */
record Timed(String name, double seconds, double bytes, double operations, long tokens) {
  static final String HEADER =
      "| work | ms | GB/s | TFLOP/s | tokens/s |%n|---|---|---|---|---|".formatted();

  double rate() {
    return tokens / seconds;
  }

  /** A row of a table in Markdown. */
  String line() {
    return String.format(
        Locale.ROOT,
        "| %s | %.3f | %.1f | %.2f | %.1f |",
        name,
        seconds * 1e3,
        bytes / seconds / 1e9,
        operations / seconds / 1e12,
        rate());
  }
}
