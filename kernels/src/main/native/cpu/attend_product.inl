// Sums of products of small matrices that lie in the nearest cache.

namespace longform {
namespace LONGFORM_ISA {

// c (M, N vectors) = or += a (M, depth) · b (depth, N vectors); distances between rows in floats.
template <int M, int N, bool Adds>
inline void product(const float *a, int64_t a_row, const float *b, int64_t b_row, int64_t depth, float *c,
                    int64_t c_row) {
  simd::f32 sums[M][N];
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) {
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) sums[m][n] = Adds ? simd::load(c + m * c_row + n * simd::W) : simd::zero();
  }
  for (int64_t k = 0; k < depth; k++) {
    simd::f32 right[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) right[n] = simd::load(b + k * b_row + n * simd::W);
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) {
      const simd::f32 left = simd::set(a[m * a_row + k]);
#pragma GCC unroll 8
      for (int n = 0; n < N; n++) sums[m][n] = simd::fma(left, right[n], sums[m][n]);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) {
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) simd::store(c + m * c_row + n * simd::W, sums[m][n]);
  }
}

// The same for any number of vectors.
template <int M, bool Adds>
inline void product_rows(const float *a, int64_t a_row, const float *b, int64_t b_row, int64_t depth, float *c,
                         int64_t c_row, int64_t vectors) {
  int64_t n = 0;
  for (; n + kSumVectors <= vectors; n += kSumVectors) {
    product<M, kSumVectors, Adds>(a, a_row, b + n * simd::W, b_row, depth, c + n * simd::W, c_row);
  }
  for (; n < vectors; n++) product<M, 1, Adds>(a, a_row, b + n * simd::W, b_row, depth, c + n * simd::W, c_row);
}

// The same for 1 to kSumRows rows.
template <bool Adds>
inline void product_any(int rows, const float *a, int64_t a_row, const float *b, int64_t b_row, int64_t depth,
                        float *c, int64_t c_row, int64_t vectors) {
  static_assert(kSumRows <= 6, "there are this many cases");
  switch (rows) {
    case 1: product_rows<1, Adds>(a, a_row, b, b_row, depth, c, c_row, vectors); break;
    case 2: product_rows<2, Adds>(a, a_row, b, b_row, depth, c, c_row, vectors); break;
    case 3: product_rows<3 <= kSumRows ? 3 : 1, Adds>(a, a_row, b, b_row, depth, c, c_row, vectors); break;
    case 4: product_rows<4 <= kSumRows ? 4 : 1, Adds>(a, a_row, b, b_row, depth, c, c_row, vectors); break;
    case 5: product_rows<5 <= kSumRows ? 5 : 1, Adds>(a, a_row, b, b_row, depth, c, c_row, vectors); break;
    default: product_rows<6 <= kSumRows ? 6 : 1, Adds>(a, a_row, b, b_row, depth, c, c_row, vectors); break;
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
