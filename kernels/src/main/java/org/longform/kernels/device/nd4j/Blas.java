package org.longform.kernels.device.nd4j;

import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sgemm;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sgemv;

import org.bytedeco.javacpp.FloatPointer;

/**
 * The products, by the BLAS that ND4J itself calls. ND4J's own wrapper of it costs 15 to 30
 * microseconds a call, more than a small product; the direct call costs less than one.
 */
final class Blas {
  // gemm packs the whole right side at every call: below this many rows, gemv for each is faster
  private static final int GEMM_ROWS = 6;

  private Blas() {}

  /** out (M, N) = alpha * a (M, K) · b (N, K)ᵀ, all row-major and dense. */
  static void timesTransposed(
      FloatPointer a, FloatPointer b, FloatPointer out, int m, int n, int k, float alpha) {
    if (m >= GEMM_ROWS) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, alpha, a, k, b, k, 0f, out, n);
      return;
    }
    for (int row = 0; row < m; row++) {
      FloatPointer x = at(a, (long) row * k);
      FloatPointer y = at(out, (long) row * n);
      cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, alpha, b, k, x, 1, 0f, y, 1);
    }
  }

  /** out (M, N) = a (M, K) · b (K, N), all row-major and dense. */
  static void times(FloatPointer a, FloatPointer b, FloatPointer out, int m, int n, int k) {
    if (m >= GEMM_ROWS) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1f, a, k, b, n, 0f, out, n);
      return;
    }
    for (int row = 0; row < m; row++) {
      FloatPointer x = at(a, (long) row * k);
      FloatPointer y = at(out, (long) row * n);
      cblas_sgemv(CblasRowMajor, CblasTrans, k, n, 1f, b, n, x, 1, 0f, y, 1);
    }
  }

  private static FloatPointer at(FloatPointer pointer, long offset) {
    return offset == 0 ? pointer : new FloatPointer(pointer).position(pointer.position() + offset);
  }
}
