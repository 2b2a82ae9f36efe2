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

}  // namespace LONGFORM_ISA
}  // namespace longform
