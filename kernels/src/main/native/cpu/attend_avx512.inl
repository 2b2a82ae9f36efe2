// What attention needs of AVX-512 beside plain vectors.

namespace longform {
namespace LONGFORM_ISA {

// 6 x 4 sums, 4 vectors of the right side and one value of the left: 29 of 32 registers
constexpr int kSumRows = 6;
constexpr int kSumVectors = 4;

inline float half_at(const char *p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return _cvtsh_ss(bits);
}

// x[i][j] and x[j][i] change places: pairs of rows, of two, of four, of eight
inline void transpose(simd::f32 (&x)[16]) {
  __m512 a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
    a[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; i++) {
    a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
    a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
    a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
    a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; i++) {
    x[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
    x[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
    x[i + 4] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
    x[i + 12] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xdd);
  }
}

// parts of the sums of two rows in one vector
inline simd::f32 pair_sums(simd::f32 x, simd::f32 y) {
  return _mm512_add_ps(_mm512_shuffle_ps(x, y, 0x88), _mm512_shuffle_ps(x, y, 0xdd));
}

// element i: the sum of row i, from the pairs of rows 2i and 2i + 1
inline __attribute__((always_inline)) simd::f32 row_sums(const simd::f32 (&pairs)[8]) {
  __m512 b[4], c[2];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) b[i] = pair_sums(pairs[2 * i], pairs[2 * i + 1]);
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    c[i] = _mm512_add_ps(_mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0x88),
                         _mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0xdd));
  }
  return _mm512_add_ps(_mm512_shuffle_f32x4(c[0], c[1], 0x88), _mm512_shuffle_f32x4(c[0], c[1], 0xdd));
}

// A value that is used more than once stays in a register: the compiler would read it from memory for
// each use, and loads are what runs out first.
inline simd::f32 kept(simd::f32 x) {
  asm("" : "+v"(x));
  return x;
}

// elements 2i and 2i + 1 change places
inline simd::f32 swap_neighbours(simd::f32 x) { return _mm512_permute_ps(x, 0xb1); }

}  // namespace LONGFORM_ISA
}  // namespace longform
