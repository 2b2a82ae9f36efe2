package org.longform.models;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/**
 * Models that lie where a process cannot map them into memory, such as in HDFS or an object store.
 * An implementation is named in {@code META-INF/services}.
 */
public interface ModelStore {
  /**
   * A file of a model.
   *
   * @param name without a directory
   * @param location what {@link #open} takes
   * @param version changes with the content: a time, a checksum
   */
  record StoredFile(String name, String location, long bytes, String version) {}

  /** Whether models named like this are of this store. */
  boolean knows(String model);

  /**
   * The files of a model's directory, or the one file that the model is.
   *
   * @param model its address; or of one of its files what {@link #open} takes
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if it is not there or the
   *     user may not read it
   */
  List<StoredFile> list(String model);

  InputStream open(StoredFile file) throws IOException;
}
