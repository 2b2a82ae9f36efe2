package org.longform.grammar;

/**
 * A JSON string (RFC 8259, section 7) in UTF-8: control characters and half surrogate pairs are
 * refused, escaped ones too.
 */
final class JsonString extends Rule {
  private static final int QUOTE = 0;
  private static final int INSIDE = 1;
  private static final int ESCAPE = 2;

  // hexadecimal digits of an escape: the first, the second behind a D, and the others
  private static final int HEX1 = 3;
  private static final int HEX2_OF_D = 4;
  private static final int HEX2 = 5;
  private static final int HEX3 = 6;
  private static final int HEX4 = 7;

  // the rest of the first half of a surrogate pair, and the second half
  private static final int HIGH3 = 8;
  private static final int HIGH4 = 9;
  private static final int LOW_BACKSLASH = 10;
  private static final int LOW_U = 11;
  private static final int LOW1 = 12;
  private static final int LOW2 = 13;
  private static final int LOW3 = 14;
  private static final int LOW4 = 15;

  // so many bytes of a character are missing, or the next one is of a smaller range
  private static final int MISSING1 = 16;
  private static final int MISSING2 = 17;
  private static final int MISSING3 = 18;
  private static final int AFTER_E0 = 19;
  private static final int AFTER_ED = 20;
  private static final int AFTER_F0 = 21;
  private static final int AFTER_F4 = 22;

  // \\ud8 and what is then missing: 00, backslash, udc00 and the quote
  private static final int LONGEST = 10;

  private final int maxLength;

  /**
   * @param maxLength in characters (code points), or {@link Rule#UNLIMITED}
   */
  JsonString(int maxLength) {
    this.maxLength = maxLength;
  }

  @Override
  Place start(Place then) {
    return new Place(this, QUOTE, maxLength, then);
  }

  @Override
  Place step(Place here, int next) {
    return switch (here.at()) {
      case QUOTE -> only(next == '"', here.with(INSIDE));
      case INSIDE -> inside(here, next);
      case ESCAPE -> escape(here, next);
      case HEX1 -> hex(here, next, next == 'd' || next == 'D' ? HEX2_OF_D : HEX2);
      case HEX2_OF_D -> afterD(here, next);
      case HEX2 -> hex(here, next, HEX3);
      case HEX3 -> hex(here, next, HEX4);
      case HEX4, LOW4 -> hex(here, next, INSIDE);
      case HIGH3 -> hex(here, next, HIGH4);
      case HIGH4 -> hex(here, next, LOW_BACKSLASH);
      case LOW_BACKSLASH -> only(next == '\\', here.with(LOW_U));
      case LOW_U -> only(next == 'u', here.with(LOW1));
      case LOW1 -> only(next == 'd' || next == 'D', here.with(LOW2));
      case LOW2 -> only(hexDigit(next) >= 0xC, here.with(LOW3));
      case LOW3 -> hex(here, next, LOW4);
      case MISSING1 -> range(here, next, 0x80, 0xBF, INSIDE);
      case MISSING2 -> range(here, next, 0x80, 0xBF, MISSING1);
      case MISSING3 -> range(here, next, 0x80, 0xBF, MISSING2);
      case AFTER_E0 -> range(here, next, 0xA0, 0xBF, MISSING1);
      case AFTER_ED -> range(here, next, 0x80, 0x9F, MISSING1);
      case AFTER_F0 -> range(here, next, 0x90, 0xBF, MISSING2);
      case AFTER_F4 -> range(here, next, 0x80, 0x8F, MISSING2);
      default -> throw new IllegalStateException("no place of a string: " + here.at());
    };
  }

  private static Place inside(Place here, int next) {
    if (next == '"') {
      return here.then();
    }
    int state = begin(next);
    return state < 0 || here.count() == 0 ? null : here.with(state, fewer(here.count()));
  }

  /** The state behind the first byte of a character; -1 if there is no such character. */
  private static int begin(int next) {
    if (next == '\\') {
      return ESCAPE;
    }
    if (next < 0x20) {
      return -1;
    }
    if (next < 0x80) {
      return INSIDE;
    }
    if (next < 0xC2) {
      return -1;
    }
    if (next < 0xE0) {
      return MISSING1;
    }
    return switch (next) {
      case 0xE0 -> AFTER_E0;
      case 0xED -> AFTER_ED;
      case 0xF0 -> AFTER_F0;
      case 0xF1, 0xF2, 0xF3 -> MISSING3;
      case 0xF4 -> AFTER_F4;
      default -> next < 0xF0 ? MISSING2 : -1;
    };
  }

  private static Place escape(Place here, int next) {
    return switch (next) {
      case '"', '\\', '/', 'b', 'f', 'n', 'r', 't' -> here.with(INSIDE);
      case 'u' -> here.with(HEX1);
      default -> null;
    };
  }

  private static Place afterD(Place here, int next) {
    int digit = hexDigit(next);
    if (digit < 0 || digit >= 0xC) {
      return null;
    }
    return here.with(digit < 8 ? HEX3 : HIGH3);
  }

  private static Place hex(Place here, int next, int state) {
    return hexDigit(next) >= 0 ? here.with(state) : null;
  }

  private static Place range(Place here, int next, int from, int to, int state) {
    return next >= from && next <= to ? here.with(state) : null;
  }

  private static int hexDigit(int next) {
    return next < 0x80 ? Character.digit(next, 16) : -1;
  }

  @Override
  int closing(Place here) {
    return switch (here.at()) {
      case QUOTE, INSIDE -> '"';
      case ESCAPE -> 'n';
      case HEX3 -> '2'; // with those beside it a blank
      case HEX1, HEX2_OF_D, HEX2, HEX4, HIGH3, HIGH4, LOW3, LOW4 -> '0';
      case LOW_BACKSLASH -> '\\';
      case LOW_U -> 'u';
      case LOW1 -> 'd';
      case LOW2 -> 'c';
      case AFTER_E0 -> 0xA0;
      case AFTER_F0 -> 0x90;
      default -> 0x80;
    };
  }

  @Override
  int shortest() {
    return 2;
  }

  @Override
  int longestClosing() {
    return LONGEST;
  }

  @Override
  int largestJump() {
    return LONGEST;
  }
}
