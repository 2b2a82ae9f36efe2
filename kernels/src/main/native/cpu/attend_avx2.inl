// What attention needs of AVX2 beside plain vectors.

namespace longform {
namespace LONGFORM_ISA {

// 6 x 2 sums, 2 vectors of the right side and one value of the left: 15 of 16 registers
constexpr int kSumRows = 6;
constexpr int kSumVectors = 2;

inline float half_at(const char *p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return _cvtsh_ss(bits);
}

// x[i][j] and x[j][i] change places: pairs of rows, of two, of four
inline void transpose(simd::f32 (&x)[8]) {
  __m256 a[8], b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    a[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 4) {
    b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; i++) {
    x[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
    x[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
  }
}

// parts of the sums of two rows in one vector
inline simd::f32 pair_sums(simd::f32 x, simd::f32 y) {
  return _mm256_add_ps(_mm256_shuffle_ps(x, y, 0x88), _mm256_shuffle_ps(x, y, 0xdd));
}

// element i: the sum of row i, from the pairs of rows 2i and 2i + 1
inline __attribute__((always_inline)) simd::f32 row_sums(const simd::f32 (&pairs)[4]) {
  const __m256 a = pair_sums(pairs[0], pairs[1]), b = pair_sums(pairs[2], pairs[3]);
  return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

// A value that is used more than once stays in a register: the compiler would read it from memory for
// each use, and loads are what runs out first.
inline simd::f32 kept(simd::f32 x) {
  asm("" : "+x"(x));
  return x;
}

// elements 2i and 2i + 1 change places
inline simd::f32 swap_neighbours(simd::f32 x) { return _mm256_permute_ps(x, 0xb1); }

}  // namespace LONGFORM_ISA
}  // namespace longform
