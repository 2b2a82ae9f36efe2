package org.longform.spark.compare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The surprise of tokens, summed by their position: the buckets end at 64, 128, 256 and so on, for
 * every document and model, so that sums of several runs add up.
 */
public final class PositionScores {
  /** End of the first bucket. */
  public static final long FIRST_END = 64;

  private static final int FIRST_BITS = Long.SIZE - Long.numberOfLeadingZeros(FIRST_END - 1);

  private long[] tokens = {};
  private double[] nats = {};

  /**
   * What was summed up in a bucket.
   *
   * @param from first position
   * @param to one past the last position
   * @param tokens how many tokens were scored
   * @param nats sum of {@code -ln p}
   */
  public record Bucket(long from, long to, long tokens, double nats) {}

  /**
   * @param position of the token in what was read, from 0
   * @param negativeLogLikelihood in nats
   */
  public void add(long position, double negativeLogLikelihood) {
    int bucket = bucketOf(position);
    if (bucket >= tokens.length) {
      tokens = Arrays.copyOf(tokens, bucket + 1);
      nats = Arrays.copyOf(nats, bucket + 1);
    }
    tokens[bucket]++;
    nats[bucket] += negativeLogLikelihood;
  }

  private static int bucketOf(long position) {
    int bits = Long.SIZE - Long.numberOfLeadingZeros(position);
    return Math.max(0, bits - FIRST_BITS);
  }

  /** Those with tokens, from the first. */
  public List<Bucket> buckets() {
    List<Bucket> buckets = new ArrayList<>();
    for (int i = 0; i < tokens.length; i++) {
      long to = FIRST_END << i;
      if (tokens[i] > 0) {
        buckets.add(new Bucket(i == 0 ? 0 : to / 2, to, tokens[i], nats[i]));
      }
    }
    return buckets;
  }
}
