package org.longform.runtime;

import org.longform.read.TextDigest;

/**
 * A name for a row that follows from its content alone, so that it is the same wherever it runs.
 */
public final class RowKey {
  private RowKey() {}

  /** SHA-256 of the document's UTF-8, in hexadecimal digits. */
  public static String of(String document) {
    return new TextDigest().add(document).hex();
  }
}
