package org.longform.spark.job.input;

import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Reads one file as one document. A file that cannot be read is a row that says why. */
final class DocumentFile {
  private static final long LARGEST = 1L << 30; // bytes and characters must fit into arrays

  private DocumentFile() {}

  static Row read(String path, InputFormat format, Configuration conf) {
    byte[] bytes;
    try {
      bytes = bytes(new Path(path), conf);
    } catch (IOException e) {
      return failed(path, path.getBytes(java.nio.charset.StandardCharsets.UTF_8), reading(path, e));
    } catch (LongformException e) {
      return failed(path, path.getBytes(java.nio.charset.StandardCharsets.UTF_8), e);
    }
    try {
      String text =
          format == InputFormat.JATS ? JatsText.of(path, bytes) : DocumentText.decode(path, bytes);
      byte[] utf8 = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
      return text.isBlank()
          ? failed(path, path.getBytes(java.nio.charset.StandardCharsets.UTF_8), empty(path))
          : RowFactory.create(path, path, text, null, null, sha256(utf8), null);
    } catch (LongformException e) {
      return failed(path, bytes, e);
    }
  }

  private static Row failed(String path, byte[] identity, LongformException why) {
    return RowFactory.create(
        path, path, null, why.errorClass().name(), why.getMessage(), sha256(identity), null);
  }

  private static LongformException empty(String path) {
    return new LongformException(
        ErrorClass.EMPTY_DOCUMENT,
        "Cannot read '%s': it has no text. Leave the file out.".formatted(path));
  }

  private static LongformException reading(String path, IOException cause) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot read '%s': %s. Check that the file is there and may be read."
            .formatted(path, cause.getMessage()),
        cause);
  }

  private static byte[] bytes(Path path, Configuration conf) throws IOException {
    FileSystem files = path.getFileSystem(conf);
    long length = files.getFileStatus(path).getLen();
    if (length > LARGEST) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot read '%s': one document may have at most %d bytes (%d). Split the file."
              .formatted(path, LARGEST, length));
    }
    byte[] bytes = new byte[(int) length];
    try (FSDataInputStream in = files.open(path)) {
      in.readFully(bytes);
    }
    return bytes;
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
