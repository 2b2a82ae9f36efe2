package org.longform.spark.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.models.ModelLocations;
import org.longform.models.ModelStore;

/**
 * Models at addresses such as {@code hdfs://} and {@code s3a://}, read with the rights and the
 * settings of the Spark application.
 */
public final class HadoopModelStore implements ModelStore {
  @Override
  public boolean knows(String model) {
    return ModelLocations.isRemote(model);
  }

  @Override
  public List<StoredFile> list(String model) {
    Configuration conf = configuration();
    try {
      Path path = new Path(model);
      FileSystem files = path.getFileSystem(conf);
      List<StoredFile> found = new ArrayList<>();
      FileStatus status = files.getFileStatus(path);
      for (FileStatus file :
          status.isDirectory() ? files.listStatus(path) : new FileStatus[] {status}) {
        if (!file.isDirectory()) {
          // a copy that is here already must not serve who may not read its source
          files.access(file.getPath(), FsAction.READ);
          found.add(stored(file));
        }
      }
      return found;
    } catch (FileNotFoundException e) {
      throw invalid(model, "there is no such directory or file", conf, e);
    } catch (AccessControlException e) {
      throw invalid(model, "the user of this application may not read it", conf, e);
    } catch (IOException | RuntimeException e) {
      // the second where a file system's classes are missing
      throw invalid(model, "its file system refuses", conf, e);
    }
  }

  private static StoredFile stored(FileStatus file) {
    return new StoredFile(
        file.getPath().getName(),
        file.getPath().toString(),
        file.getLen(),
        Long.toString(file.getModificationTime()));
  }

  @Override
  public InputStream open(StoredFile file) throws IOException {
    Configuration conf = configuration();
    Path path = new Path(file.location());
    try {
      return path.getFileSystem(conf).open(path);
    } catch (IOException e) {
      throw new IOException(Secrets.hidden(String.valueOf(e.getMessage()), conf));
    }
  }

  /** The settings of this application; executors have them, too. */
  private static Configuration configuration() {
    SparkEnv env = SparkEnv.get();
    return SparkHadoopUtil.get().newConfiguration(env == null ? new SparkConf() : env.conf());
  }

  private static LongformException invalid(
      String model, String why, Configuration conf, Exception cause) {
    // the cause itself stays out: its text could show what is hidden here
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot find model '%s': %s (%s). Check the address, the permissions and the spark.hadoop.* settings."
            .formatted(
                model,
                why,
                Secrets.hidden(
                    cause.getClass().getSimpleName() + ": " + cause.getMessage(), conf)));
  }
}
