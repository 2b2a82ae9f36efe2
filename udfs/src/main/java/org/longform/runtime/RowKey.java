package org.longform.runtime;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * A name for a row that follows from its content alone, so that it is the same wherever it runs.
 */
public final class RowKey {
  private RowKey() {}

  public static String of(String document, List<String> questions) {
    MessageDigest digest = sha256();
    update(digest, document);
    questions.forEach(question -> update(digest, question));
    return HexFormat.of().formatHex(digest.digest());
  }

  /** The length first, so that no two lists of texts run together. */
  private static void update(MessageDigest digest, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update(Integer.toString(bytes.length).getBytes(StandardCharsets.UTF_8));
    digest.update((byte) ':');
    digest.update(bytes);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
