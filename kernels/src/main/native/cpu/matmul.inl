// out (T, O) = x (T, I) · w (O, I)ᵀ: a row of w is widened once and met with every row of x.

#include "formats.h"

namespace longform {
namespace LONGFORM_ISA {

inline float dot(const float *a, const float *b, int64_t count) {
  simd::f32 sum = simd::zero();
  for (int64_t i = 0; i < count; i += simd::W) {
    const int n = static_cast<int>(count - i);
    sum = simd::fma(simd::load_part(a + i, n), simd::load_part(b + i, n), sum);
  }
  return simd::sum(sum);
}

struct MatmulJob {
  const float *x;
  int64_t tokens;
  int64_t inner;
  const kernels_product *product;
};

constexpr int64_t kOuterRows = 16;

inline void matmul_piece(const void *data, int64_t piece, Arena &scratch) {
  const MatmulJob &job = *static_cast<const MatmulJob *>(data);
  const kernels_product &product = *job.product;
  float *row = static_cast<float *>(scratch.reserve(job.inner * 4));
  const int64_t bytes = stored_bytes(product.dtype, job.inner);
  const int64_t end = (piece + 1) * kOuterRows < product.outer ? (piece + 1) * kOuterRows : product.outer;
  for (int64_t o = piece * kOuterRows; o < end; o++) {
    widen(static_cast<const char *>(product.weight) + o * bytes, static_cast<int32_t>(product.dtype), job.inner, row);
    for (int64_t t = 0; t < job.tokens; t++) product.out[t * product.outer + o] = dot(job.x + t * job.inner, row, job.inner);
  }
}

inline void matmul(Pool &pool, const float *x, int64_t tokens, int64_t inner, const kernels_product *products,
                   int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const MatmulJob job = {x, tokens, inner, products + i};
    pool.run((products[i].outer + kOuterRows - 1) / kOuterRows, matmul_piece, &job);
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
