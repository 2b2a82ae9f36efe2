package org.longform.read;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 of a text's UTF-8, computed while the text goes by. */
public final class TextDigest {
  private final MessageDigest digest;

  public TextDigest() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** Adds text that does not end inside a character. */
  public TextDigest add(String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  /** The digest in hexadecimal digits. Called once, at the end. */
  public String hex() {
    return HexFormat.of().formatHex(digest.digest());
  }
}
