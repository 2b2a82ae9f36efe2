package org.longform.spark.job;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** A directory of any file system that Hadoop knows, for files of a command. */
final class OutputFolder implements AutoCloseable {
  private final FileSystem files;
  private final Path folder;

  private OutputFolder(FileSystem files, Path folder) {
    this.files = files;
    this.folder = folder;
  }

  /** Writes what a file holds. */
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * @throws LongformException INVALID_INPUT if there can be no directory
   */
  static OutputFolder open(Configuration conf, String path) {
    try {
      Path given = new Path(path);
      // one of our own: the shared one must go on to write checksums
      FileSystem files = FileSystem.newInstance(given.toUri(), conf);
      try {
        files.setWriteChecksum(false);
        Path folder = files.makeQualified(given);
        files.mkdirs(folder);
        return new OutputFolder(files, folder);
      } catch (IOException | RuntimeException e) {
        files.close();
        throw e;
      }
    } catch (IOException | IllegalArgumentException e) {
      throw refusal(path, e);
    }
  }

  private static LongformException refusal(String path, Exception cause) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot write to '%s': the path cannot be used (%s). Choose another --output."
            .formatted(path, cause.getMessage()),
        cause);
  }

  /** The full path of something in it, with the scheme of its file system. */
  String path(String name) {
    return new Path(folder, name).toString();
  }

  /** Writes texts by the names of their files; what is there is replaced. */
  void write(Map<String, String> texts) {
    texts.forEach(
        (name, text) -> write(name, out -> out.write(text.getBytes(StandardCharsets.UTF_8))));
  }

  /** Writes a file unless it is there; it appears when it is complete. */
  void writeOnce(String name, Content content) {
    try {
      if (!files.exists(new Path(folder, name))) {
        write(name, content);
      }
    } catch (IOException e) {
      throw refusal(path(name), e);
    }
  }

  private void write(String name, Content content) {
    Path file = new Path(folder, name);
    Path partial = file.suffix(".partial");
    try {
      try (OutputStream out = files.create(partial, true)) {
        content.writeTo(out);
      }
      files.delete(file, false);
      if (!files.rename(partial, file)) {
        throw new IOException("it could not be renamed from " + partial.getName());
      }
    } catch (IOException e) {
      throw refusal(file.toString(), e);
    }
  }

  @Override
  public void close() {
    try {
      files.close();
    } catch (IOException e) {
      throw refusal(folder.toString(), e);
    }
  }
}
