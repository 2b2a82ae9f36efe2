package org.longform.generate;

/**
 * The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA
 * 2014). Written out because the JDK does not promise to keep the algorithms of its generators, and
 * answers must be the same on every Java version.
 */
final class SplitMix64 {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private long state;

  SplitMix64(long seed) {
    this.state = seed;
  }

  long nextLong() {
    state += GOLDEN_GAMMA;
    long z = state;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  double nextDouble() {
    return (nextLong() >>> 11) * 0x1.0p-53;
  }
}
