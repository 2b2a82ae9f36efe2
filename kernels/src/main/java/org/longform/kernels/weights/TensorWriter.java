package org.longform.kernels.weights;

import java.nio.ByteBuffer;

/**
 * Takes the data of tensors that were declared before, in their order. The file appears in {@link
 * #finish}; closed before that, nothing is left of it.
 */
public interface TensorWriter extends AutoCloseable {
  /** Rounds the next values of the current tensor to its type: whole blocks, of one tensor. */
  void write(float[] values);

  /** Takes the next bytes of the current tensor as the file will have them. */
  void write(ByteBuffer bytes);

  /** Puts the file in its place. */
  void finish();

  @Override
  void close();
}
