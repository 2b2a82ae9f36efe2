package org.longform.spark.job.input;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Reads one file as one document. A file that cannot be read is a row that says why. */
final class DocumentFile {
  private static final long LARGEST = 1L << 30; // bytes and characters must fit into arrays

  private DocumentFile() {}

  static Row read(String path, InputFormat format, Configuration conf) {
    byte[] bytes = path.getBytes(UTF_8); // stands for a content that cannot be had
    try {
      bytes = bytes(new Path(path), conf);
      String text =
          format == InputFormat.JATS ? JatsText.of(path, bytes) : DocumentText.decode(path, bytes);
      return DocumentRow.of(path, path, text, List.of());
    } catch (LongformException e) {
      return DocumentRow.failed(path, path, bytes, e);
    } catch (IOException e) {
      return DocumentRow.failed(path, path, bytes, unreadable(path, e));
    }
  }

  private static LongformException unreadable(String path, IOException cause) {
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
}
