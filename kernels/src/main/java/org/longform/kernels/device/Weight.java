package org.longform.kernels.device;

import org.longform.kernels.tensor.Shape;

/** A weight in the form its device multiplies fastest. Read only, shared by all sessions. */
public interface Weight extends AutoCloseable {
  /** (out, in) of a matrix, (n) of a vector. */
  Shape shape();

  /** Bytes this weight takes beside the mapped file. */
  long ownedBytes();

  @Override
  void close();
}
