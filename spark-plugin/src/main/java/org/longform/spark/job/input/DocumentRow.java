package org.longform.spark.job.input;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Rows of {@link Corpus#DOCUMENT}. */
final class DocumentRow {
  private DocumentRow() {}

  /**
   * A document with text, or the error that it has none.
   *
   * @param id null to name it by its hash
   */
  static Row of(String id, String path, String text, List<String> questions) {
    if (text == null || text.isBlank()) {
      String name = id == null ? path : id;
      return failed(id, path, ("document without text " + name).getBytes(UTF_8), empty(name, text));
    }
    String hash = sha256(text.getBytes(UTF_8));
    return RowFactory.create(
        id == null ? hash : id, path, text, null, null, hash, questions.toArray(String[]::new));
  }

  /**
   * A document that cannot be read.
   *
   * @param identity tells it from others
   */
  static Row failed(String id, String path, byte[] identity, LongformException why) {
    String hash = sha256(identity);
    return RowFactory.create(
        id == null ? hash : id,
        path,
        null,
        why.errorClass().name(),
        why.getMessage(),
        hash,
        new String[0]);
  }

  private static LongformException empty(String name, String text) {
    return new LongformException(
        ErrorClass.EMPTY_DOCUMENT,
        "Cannot read document '%s': its text is %s. Leave it out or name the column with the text."
            .formatted(name, text == null ? "NULL" : "empty"));
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
