package org.longform.hub;

import java.io.IOException;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How often one thing is asked for, and how long is waited in between. Failures count as long as
 * nothing arrives: a download of hours may be cut many times.
 */
final class Patience {
  private static final Logger LOG = LoggerFactory.getLogger(Patience.class);
  private static final int MOST_FAILURES = 5;
  private static final int MOST_OF_NOBODY = 2;
  // "api";r=0;t=55: nothing remains for 55 seconds
  private static final Pattern RESET = Pattern.compile("(?<=;t=)\\d+");
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(5);

  /** Waits; tests do not. */
  interface Pause {
    void of(Duration time) throws InterruptedException;
  }

  private final Pause pause;
  private final String what;
  private int failures;

  /**
   * @param what is asked for, for people
   */
  Patience(Pause pause, String what) {
    this.pause = pause;
    this.what = what;
  }

  /** Something arrived: earlier failures do not count any more. */
  void progressed() {
    failures = 0;
  }

  /** Whether the same request may be answered otherwise a little later. */
  static boolean isPassing(int status) {
    return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
  }

  /**
   * Waits before the next try.
   *
   * @throws HubUnreachable if it was tried often enough
   */
  void afterFailure(IOException failure) throws HubUnreachable, InterruptedException {
    String why = failure.getClass().getSimpleName() + reason(failure);
    if (++failures >= (HubHttp.isNobody(failure) ? MOST_OF_NOBODY : MOST_FAILURES)) {
      throw new HubUnreachable(why, failure);
    }
    waitFor(usualPause(), why);
  }

  private static String reason(IOException failure) {
    String text = failure.getMessage();
    return text == null || text.isBlank() ? "" : ": " + text.strip();
  }

  /**
   * Waits as long as the answer asks for, or as usual.
   *
   * @throws HubUnreachable if it was tried often enough, or the answer asks for too long
   */
  void afterStatus(HubAnswer answer) throws HubUnreachable, InterruptedException {
    String why =
        answer.status() == 429
            ? "it has had too many requests from here (status 429)"
            : "it answers with status " + answer.status();
    if (++failures >= MOST_FAILURES) {
      throw new HubUnreachable(why);
    }
    Duration asked = retryAfter(answer).orElseGet(this::usualPause);
    if (asked.compareTo(LONGEST_PAUSE) > 0) {
      throw new HubUnreachable(why + " and asks to wait %,d s".formatted(asked.toSeconds()));
    }
    waitFor(asked, why);
  }

  private void waitFor(Duration time, String why) throws InterruptedException {
    LOG.info("Asking for {} again in {} ms: {}.", what, time.toMillis(), why);
    pause.of(time);
  }

  // several machines that failed at once do not come back at once
  private Duration usualPause() {
    long millis = FIRST_PAUSE.toMillis() << Math.max(0, failures - 1);
    return Duration.ofMillis((long) (millis * ThreadLocalRandom.current().nextDouble(0.5, 1)));
  }

  /** Seconds, or a date; the hub also tells when its count of requests begins anew. */
  private static Optional<Duration> retryAfter(HubAnswer answer) {
    Optional<String> text = answer.header("Retry-After");
    if (text.isEmpty()) {
      text =
          answer.header("RateLimit").map(RESET::matcher).filter(Matcher::find).map(Matcher::group);
    }
    OptionalLong seconds = HubAnswer.number(text);
    if (seconds.isPresent()) {
      return Optional.of(Duration.ofSeconds(seconds.getAsLong()));
    }
    try {
      return text.map(each -> ZonedDateTime.parse(each, DateTimeFormatter.RFC_1123_DATE_TIME))
          .map(date -> Duration.between(ZonedDateTime.now(date.getZone()), date))
          .map(time -> time.isNegative() ? Duration.ZERO : time);
    } catch (DateTimeParseException e) {
      return Optional.empty();
    }
  }
}
