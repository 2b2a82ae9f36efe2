package org.longform.kernels.device;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Tensor;

/**
 * The checked sizes of {@link Kernels#matmul}. Native libraries check nothing: a wrong shape would
 * read or write beside the tensors.
 */
public record MatmulShape(int tokens, int inner, int outer) {
  /**
   * @throws LongformException INTERNAL if the three do not fit together
   */
  public static MatmulShape of(Tensor x, Weight w, Tensor out) {
    long tokens = x.rows();
    long inner = x.shape().rowElements();
    long outer = w.shape().axis(0);
    if (w.shape().rowElements() != inner
        || out.rows() != tokens
        || out.shape().rowElements() != outer
        || x.dtype() != DType.F32
        || out.dtype() != DType.F32) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot multiply %s %s with a weight %s into %s %s: the shapes do not fit."
              .formatted(x.dtype(), x.shape(), w.shape(), out.dtype(), out.shape()));
    }
    return new MatmulShape(Math.toIntExact(tokens), Math.toIntExact(inner), Math.toIntExact(outer));
  }
}
