package org.longform.grammar;

/**
 * A part of a grammar over bytes, as a deterministic automaton. Where in a rule a text is, a {@link
 * Place} knows: {@code at} is the rule's own state, 0 where it begins, and {@code count} how often
 * something may still come.
 *
 * <p>What follows a rule that {@link #mayEnd} somewhere never begins with a byte that would
 * continue it there.
 */
abstract class Rule {
  /** A count that is never used up. */
  static final int UNLIMITED = Integer.MAX_VALUE;

  /** Nothing follows. */
  static final Rule NOTHING =
      new Rule() {
        @Override
        Place step(Place here, int next) {
          return null;
        }

        @Override
        int closing(Place here) {
          throw new IllegalStateException("there is nothing to close");
        }

        @Override
        int shortest() {
          return 0;
        }

        @Override
        int longestClosing() {
          return 0;
        }

        @Override
        int largestJump() {
          return 0;
        }
      };

  /** The beginning of the rule. */
  Place start(Place then) {
    return new Place(this, 0, 0, then);
  }

  /** The place behind one more byte, {@code here.then()} where the rule ends; null if refused. */
  abstract Place step(Place here, int next);

  /** Whether the rule may end where it is, with nothing more. */
  boolean mayEnd(Place here) {
    return false;
  }

  /**
   * The next byte on the shortest way to the rule's end, where it may not end yet. Of the places
   * that follow it, too, this gives the rest of the same way.
   */
  abstract int closing(Place here);

  /** Bytes of the text that {@link #closing} gives from the beginning. */
  abstract int shortest();

  /** No text that {@link #closing} gives from inside the rule has more bytes than this. */
  abstract int longestClosing();

  /** No choice inside the rule makes the text that closes it longer by more bytes than this. */
  abstract int largestJump();

  /** A place, or null where what comes does not fit. */
  static Place only(boolean fits, Place place) {
    return fits ? place : null;
  }

  static int fewer(int count) {
    return count == UNLIMITED ? UNLIMITED : count - 1;
  }
}
