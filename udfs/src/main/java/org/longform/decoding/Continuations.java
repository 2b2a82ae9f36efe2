package org.longform.decoding;

import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalInt;

/**
 * Which tokens may follow what an answer has so far. Immutable: what may follow a guess is found
 * without touching the answer.
 */
public interface Continuations {
  /** Any token may follow, always. */
  Continuations ANY =
      new Continuations() {
        @Override
        public boolean any() {
          return true;
        }

        @Override
        public BitSet allowed() {
          throw new IllegalStateException("any token is allowed");
        }

        @Override
        public BitSet wished() {
          return allowed();
        }

        @Override
        public boolean allows(int token) {
          return true;
        }

        @Override
        public OptionalInt forced() {
          return OptionalInt.empty();
        }

        @Override
        public Continuations after(int token) {
          return this;
        }

        @Override
        public boolean complete() {
          return false;
        }
      };

  /** Whether every token may follow. */
  boolean any();

  /** The tokens that may follow, at least one unless {@link #complete}. Not to be changed. */
  BitSet allowed();

  /** The tokens that could follow if the answer might have any number of tokens. */
  BitSet wished();

  boolean allows(int token);

  /** The token that must follow, if the text that follows is certain. */
  OptionalInt forced();

  /**
   * What may follow one more token.
   *
   * @param token one that is allowed
   */
  Continuations after(int token);

  /** Whether nothing may follow: the answer is whole. */
  boolean complete();

  /** The tokens that must follow, as far as they are certain and no more than {@code most}. */
  default int[] forced(int most) {
    int[] tokens = new int[Math.max(0, most)];
    int count = 0;
    Continuations place = this;
    while (count < tokens.length && place.forced().isPresent()) {
      tokens[count] = place.forced().getAsInt();
      place = place.after(tokens[count]);
      count++;
    }
    return Arrays.copyOf(tokens, count);
  }

  /** As many of these tokens, one after the other, as may follow. */
  default int[] prefix(int[] tokens) {
    int count = 0;
    for (Continuations place = this; count < tokens.length && place.allows(tokens[count]); ) {
      place = place.after(tokens[count]);
      count++;
    }
    return Arrays.copyOf(tokens, count);
  }
}
