package org.longform.datasets.articles;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The generator {@code random.Random(str)} of CPython 3.11: the same numbers in the same order.
 *
 * <p>MT19937 after Matsumoto and Nishimura (1998); seeding "version 2" and the selection methods
 * after the documented behaviour of Python's {@code random} module. Not thread-safe.
 */
public final class PythonRandom {
  private static final int STATE_WORDS = 624;
  private static final int MIDDLE_WORD = 397;
  private static final int TWIST = 0x9908b0df;
  private static final int UPPER_BIT = 0x80000000;
  private static final int LOWER_BITS = 0x7fffffff;

  private final int[] state = new int[STATE_WORDS];
  private int next = STATE_WORDS;

  /**
   * Seeds as {@code random.Random(seed)} does for a str: the UTF-8 bytes and then their SHA-512,
   * read as one big-endian number.
   */
  public PythonRandom(String seed) {
    byte[] bytes = seed.getBytes(StandardCharsets.UTF_8);
    byte[] digest = sha512(bytes);
    byte[] joined = Arrays.copyOf(bytes, bytes.length + digest.length);
    System.arraycopy(digest, 0, joined, bytes.length, digest.length);
    seedByArray(words(new BigInteger(1, joined)));
  }

  /** A double in [0, 1) with 53 random bits. */
  public double random() {
    int high = nextWord() >>> 5;
    int low = nextWord() >>> 6;
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
  }

  /**
   * An integer of so many random bits.
   *
   * @param bits 0 to 63
   */
  public long getrandbits(int bits) {
    if (bits < 0 || bits > 63) {
      throw new IllegalArgumentException(
          "Cannot draw random bits: the number of bits must be 0 to 63 (%d). Draw several times."
              .formatted(bits));
    }
    if (bits == 0) {
      return 0;
    }
    if (bits <= 32) {
      return Integer.toUnsignedLong(nextWord() >>> (32 - bits));
    }
    long low = Integer.toUnsignedLong(nextWord()); // the low word is drawn first
    return low | Integer.toUnsignedLong(nextWord() >>> (64 - bits)) << 32;
  }

  /** An integer in [0, bound), bound positive. */
  public long randrange(long bound) {
    if (bound <= 0) {
      throw new IllegalArgumentException(
          "Cannot draw from an empty range: the bound must be positive (%d). Give at least 1."
              .formatted(bound));
    }
    // as in Python the width is that of bound and not of bound - 1, so powers of two reject half of
    // the draws
    int bits = Long.SIZE - Long.numberOfLeadingZeros(bound);
    long drawn = getrandbits(bits);
    while (drawn >= bound) {
      drawn = getrandbits(bits);
    }
    return drawn;
  }

  /** An integer in [start, stop). */
  public long randrange(long start, long stop) {
    return start + randrange(Math.subtractExact(stop, start));
  }

  /** One element, each with the same chance. */
  public <T> T choice(List<T> from) {
    return from.get((int) randrange(from.size()));
  }

  /** So many elements of different places, in the order of selection. */
  public <T> List<T> sample(List<T> population, int count) {
    int size = population.size();
    if (count < 0 || count > size) {
      throw new IllegalArgumentException(
          "Cannot sample %d of %d elements: the sample is negative or larger than its population. Ask for fewer."
              .formatted(count, size));
    }
    return size <= poolLimit(count)
        ? sampleByPool(population, count)
        : sampleBySet(population, count);
  }

  /** Brings a list into random order, in place. */
  public void shuffle(List<?> list) {
    for (int i = list.size() - 1; i > 0; i--) {
      Collections.swap(list, i, (int) randrange(i + 1L));
    }
  }

  // Up to this size Python copies the population instead of remembering what was drawn; both draw
  // differently.
  private static long poolLimit(int count) {
    long limit = 21;
    if (count > 5) {
      // 3 * count is no power of 4, so the rounding of the logarithms cannot decide
      limit += 1L << (2 * (int) StrictMath.ceil(StrictMath.log(count * 3.0) / StrictMath.log(4.0)));
    }
    return limit;
  }

  private <T> List<T> sampleByPool(List<T> population, int count) {
    List<T> pool = new ArrayList<>(population);
    List<T> chosen = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      int left = pool.size() - i;
      int at = (int) randrange(left);
      chosen.add(pool.get(at));
      pool.set(at, pool.get(left - 1));
    }
    return chosen;
  }

  private <T> List<T> sampleBySet(List<T> population, int count) {
    Set<Integer> seen = new HashSet<>();
    List<T> chosen = new ArrayList<>(count);
    while (chosen.size() < count) {
      int at = (int) randrange(population.size());
      if (seen.add(at)) {
        chosen.add(population.get(at));
      }
    }
    return chosen;
  }

  private int nextWord() {
    if (next == STATE_WORDS) {
      refill();
    }
    int y = state[next++];
    y ^= y >>> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return y ^ y >>> 18;
  }

  private void refill() {
    for (int i = 0; i < STATE_WORDS; i++) {
      int y = (state[i] & UPPER_BIT) | (state[(i + 1) % STATE_WORDS] & LOWER_BITS);
      state[i] = state[(i + MIDDLE_WORD) % STATE_WORDS] ^ y >>> 1 ^ ((y & 1) == 0 ? 0 : TWIST);
    }
    next = 0;
  }

  private void seedByNumber(int seed) {
    state[0] = seed;
    for (int i = 1; i < STATE_WORDS; i++) {
      state[i] = 1812433253 * (state[i - 1] ^ state[i - 1] >>> 30) + i;
    }
  }

  private void seedByArray(int[] key) {
    seedByNumber(19650218);
    int i = 1;
    int j = 0;
    for (int k = Math.max(STATE_WORDS, key.length); k > 0; k--) {
      state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >>> 30) * 1664525) + key[j] + j;
      i = stepState(i);
      j = j + 1 == key.length ? 0 : j + 1;
    }
    for (int k = STATE_WORDS - 1; k > 0; k--) {
      state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >>> 30) * 1566083941) - i;
      i = stepState(i);
    }
    state[0] = UPPER_BIT;
  }

  private int stepState(int i) {
    if (i + 1 < STATE_WORDS) {
      return i + 1;
    }
    state[0] = state[STATE_WORDS - 1];
    return 1;
  }

  /** The 32-bit digits of a number, lowest first. */
  private static int[] words(BigInteger number) {
    int[] words = new int[Math.max(1, (number.bitLength() + 31) / 32)];
    for (int i = 0; i < words.length; i++) {
      words[i] = number.shiftRight(32 * i).intValue();
    }
    return words;
  }

  private static byte[] sha512(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-512").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(
          "Cannot seed the generator: this Java runtime has no SHA-512. Use a complete runtime.",
          e);
    }
  }
}
