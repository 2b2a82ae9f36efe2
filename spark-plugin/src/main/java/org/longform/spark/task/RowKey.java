package org.longform.spark.task;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * What tells a row from others: a hash of what is read. It follows from content alone, so sampling
 * gives the same text however the table is partitioned.
 */
public final class RowKey {
  private RowKey() {}

  /** SHA-256 of both texts, each with its length so that no two pairs run into one. */
  public static String of(String document, String question) {
    MessageDigest digest = sha256();
    for (String text : new String[] {document, question}) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      digest.update(ByteBuffer.allocate(Long.BYTES).putLong(bytes.length).array());
      digest.update(bytes);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
