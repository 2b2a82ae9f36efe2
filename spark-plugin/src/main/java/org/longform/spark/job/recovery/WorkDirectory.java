package org.longform.spark.job.recovery;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory that the driver and all executors share while a job writes one table: marks of
 * documents that were begun, and checkpoints. A later run of the same job finds what was left.
 */
public final class WorkDirectory implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final Logger LOG = LoggerFactory.getLogger(WorkDirectory.class);

  /** Delta's VACUUM, and all who read a directory of files, leave out such names. */
  private static final String HIDDEN = "_longform";

  private static final String MARKS = "begun";
  private static final String CHECKPOINTS = "checkpoints";

  private final String path;
  private final SerializableConfiguration conf;

  private WorkDirectory(String path, Configuration conf) {
    this.path = path;
    this.conf = new SerializableConfiguration(conf);
  }

  /**
   * Makes the directory if there is none.
   *
   * @param root empty for a hidden directory in the table's
   * @param table full path of the table
   * @param name of the job among those that share the root
   * @throws LongformException INVALID_INPUT if it cannot be written
   */
  public static WorkDirectory open(Configuration conf, String root, String table, String name) {
    Path path = new Path(root.isEmpty() ? new Path(table, HIDDEN) : new Path(root), name);
    WorkDirectory work = new WorkDirectory(path.toString(), conf);
    try {
      FileSystem files = work.files();
      files.mkdirs(new Path(path, MARKS));
      files.mkdirs(new Path(path, CHECKPOINTS));
      return work;
    } catch (IOException e) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot keep marks and checkpoints in '%s': the directory cannot be written (%s). Make it writable or name another with --checkpoint-directory."
              .formatted(path, e.getMessage()),
          e);
    }
  }

  /** Documents begun and not ended. */
  public Attempts attempts() {
    return new Attempts(this);
  }

  /**
   * Where the reading of a document leaves how far it is.
   *
   * @param whenWritten runs after each checkpoint that was left
   */
  public CheckpointFiles checkpoint(String contentHash, Runnable whenWritten) {
    return new CheckpointFiles(this, contentHash, whenWritten);
  }

  /** Removes what was left of documents that have their rows. */
  public void forget(Set<String> contentHashes) {
    for (Path directory : List.of(marks(), checkpoints())) {
      try {
        for (FileStatus file : list(directory)) {
          if (contentHashes.contains(hashOf(file.getPath()))) {
            files().delete(file.getPath(), false);
          }
        }
      } catch (IOException e) {
        LOG.warn("Left files of finished documents in {}: {}", directory, e.toString());
      }
    }
  }

  /** Removes the directory, at the end of the job. */
  public void delete() {
    try {
      FileSystem files = files();
      Path own = new Path(path);
      files.delete(own, true);
      if (own.getParent().getName().equals(HIDDEN)
          && files.listStatus(own.getParent()).length == 0) {
        files.delete(own.getParent(), false);
      }
    } catch (FileNotFoundException e) {
      LOG.debug("Another job removed {}", path);
    } catch (IOException e) {
      LOG.warn("Left the files of the finished job in {}: {}", path, e.toString());
    }
  }

  FileSystem files() throws IOException {
    return new Path(path).getFileSystem(conf.value());
  }

  Path marks() {
    return new Path(path, MARKS);
  }

  Path checkpoints() {
    return new Path(path, CHECKPOINTS);
  }

  List<FileStatus> list(Path directory) throws IOException {
    List<FileStatus> found = new ArrayList<>();
    try {
      for (FileStatus file : files().listStatus(directory)) {
        if (file.isFile()) {
          found.add(file);
        }
      }
    } catch (FileNotFoundException e) {
      return List.of();
    }
    return found;
  }

  /** Names of files begin with the hash of the document they are of. */
  static String hashOf(Path file) {
    String name = file.getName();
    int end = name.indexOf('.');
    return end < 0 ? name : name.substring(0, end);
  }
}
