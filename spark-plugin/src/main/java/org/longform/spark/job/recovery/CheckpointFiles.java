package org.longform.spark.job.recovery;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.longform.read.CheckpointPlace;

/**
 * A document's checkpoints as files {@code hash.number}; the highest number counts. A file gets its
 * name when it is complete, and the one before goes only then.
 */
public final class CheckpointFiles implements CheckpointPlace {
  private static final String PARTIAL = ".partial";

  private final WorkDirectory work;
  private final String contentHash;
  private final Runnable whenWritten;
  private long written;

  CheckpointFiles(WorkDirectory work, String contentHash, Runnable whenWritten) {
    this.work = work;
    this.contentHash = contentHash;
    this.whenWritten = whenWritten;
  }

  @Override
  public Optional<InputStream> open() throws IOException {
    Path newest = null;
    for (FileStatus file : work.list(work.checkpoints())) {
      long number = number(file.getPath());
      if (number > written) {
        newest = file.getPath();
        written = number;
      }
    }
    return newest == null ? Optional.empty() : Optional.of(work.files().open(newest));
  }

  @Override
  public void replace(Content content) throws IOException {
    FileSystem files = work.files();
    Path partial = new Path(work.checkpoints(), contentHash + "." + UUID.randomUUID() + PARTIAL);
    Path target = new Path(work.checkpoints(), contentHash + "." + (written + 1));
    try (OutputStream out = files.create(partial, true)) {
      content.writeTo(out);
    } catch (Throwable e) {
      files.delete(partial, false);
      throw e;
    }
    if (!files.rename(partial, target)) {
      files.delete(partial, false);
      throw new IOException("cannot rename '%s' to '%s'".formatted(partial, target));
    }
    written++;
    for (FileStatus file : work.list(work.checkpoints())) {
      long number = number(file.getPath());
      if (number > 0 && number < written) {
        files.delete(file.getPath(), false);
      }
    }
    whenWritten.run();
  }

  /** 0 for what is no complete checkpoint of this document. */
  private long number(Path file) {
    String name = file.getName();
    String number =
        name.startsWith(contentHash + ".") ? name.substring(contentHash.length() + 1) : "";
    return number.matches("[0-9]{1,18}") ? Long.parseLong(number) : 0;
  }
}
