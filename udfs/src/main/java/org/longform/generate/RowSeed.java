package org.longform.generate;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The seed of one row: the first 8 bytes, big-endian, of SHA-256 over the option's seed (8 bytes,
 * big-endian) followed by the row key in UTF-8. It depends on nothing else, so partitions, retries
 * and the number of executors do not change an answer.
 */
public final class RowSeed {
  private RowSeed() {}

  public static long of(long seed, String rowKey) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(ByteBuffer.allocate(Long.BYTES).putLong(0, seed));
      digest.update(rowKey.getBytes(StandardCharsets.UTF_8));
      return ByteBuffer.wrap(digest.digest()).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
