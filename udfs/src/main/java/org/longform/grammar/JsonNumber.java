package org.longform.grammar;

/**
 * A JSON number (RFC 8259, section 6) of so few digits that it fits into 64 bits: an integer of up
 * to 18 digits, or a decimal number of up to 18 before and 17 behind the point and an exponent of
 * up to two. So a number ends, too.
 */
final class JsonNumber extends Rule {
  private static final int BEGIN = 0;
  private static final int MINUS = 1;
  private static final int ZERO = 2;
  private static final int DIGITS = 3;
  private static final int POINT = 4;
  private static final int FRACTION = 5;
  private static final int EXPONENT = 6;
  private static final int EXPONENT_SIGN = 7;
  private static final int EXPONENT_DIGIT = 8;
  private static final int EXPONENT_END = 9;

  private static final int MOST_DIGITS = 18;
  private static final int MOST_FRACTION_DIGITS = 17;

  private final boolean integer;

  private JsonNumber(boolean integer) {
    this.integer = integer;
  }

  static JsonNumber integer() {
    return new JsonNumber(true);
  }

  static JsonNumber decimal() {
    return new JsonNumber(false);
  }

  @Override
  Place step(Place here, int next) {
    boolean digit = next >= '0' && next <= '9';
    return switch (here.at()) {
      case BEGIN -> next == '-' ? here.with(MINUS) : first(here, next);
      case MINUS -> first(here, next);
      case ZERO -> behindInteger(here, next);
      case DIGITS -> digit ? oneMore(here) : behindInteger(here, next);
      case POINT -> only(digit, here.with(FRACTION, MOST_FRACTION_DIGITS - 1));
      case FRACTION -> digit ? oneMore(here) : exponent(here, next);
      case EXPONENT ->
          next == '+' || next == '-'
              ? here.with(EXPONENT_SIGN, 0)
              : only(digit, here.with(EXPONENT_DIGIT, 0));
      case EXPONENT_SIGN -> only(digit, here.with(EXPONENT_DIGIT, 0));
      case EXPONENT_DIGIT -> only(digit, here.with(EXPONENT_END, 0));
      default -> null;
    };
  }

  private static Place first(Place here, int next) {
    if (next == '0') {
      return here.with(ZERO, 0);
    }
    return next >= '1' && next <= '9' ? here.with(DIGITS, MOST_DIGITS - 1) : null;
  }

  private static Place oneMore(Place here) {
    return here.count() > 0 ? here.with(here.at(), here.count() - 1) : null;
  }

  private Place behindInteger(Place here, int next) {
    if (integer) {
      return null;
    }
    return next == '.' ? here.with(POINT, 0) : exponent(here, next);
  }

  private static Place exponent(Place here, int next) {
    return next == 'e' || next == 'E' ? here.with(EXPONENT, 0) : null;
  }

  @Override
  boolean mayEnd(Place here) {
    return switch (here.at()) {
      case ZERO, DIGITS, FRACTION, EXPONENT_DIGIT, EXPONENT_END -> true;
      default -> false;
    };
  }

  @Override
  int closing(Place here) {
    return '0';
  }

  @Override
  int shortest() {
    return 1;
  }

  @Override
  int longestClosing() {
    return 1;
  }

  @Override
  int largestJump() {
    return 1;
  }
}
