// Integer dot products of AVX-512 VNNI, which multiplies unsigned by signed bytes: weights are the
// unsigned side, signed ones plus 128, and the sum of the activations takes the excess away again.
#pragma once

#include "matmul_x86.h"
#include "simd_avx512.h"

namespace longform {
namespace LONGFORM_ISA {

struct dots : dots_x86 {
  // tile of an integer product and of a float one: 32 registers, one multiplication a cycle
  static constexpr int TOKENS = 6;
  static constexpr int FLOAT_TOKENS = 12;

  using i32 = __m512i;

  static half with_high_bits(half low, uint32_t high) {
    return _mm256_mask_add_epi8(low, high, low, _mm256_set1_epi8(16));
  }
  template <int BITS, int OFFSET>
  static half centred(half v) {
    return BITS == 8 ? _mm256_xor_si256(v, _mm256_set1_epi8(-128)) : v;
  }

  // --- a block of a row with a token's ---

  // what every product with x has too much, negative
  template <int BITS, int OFFSET>
  static __m256i excess(half x) {
    constexpr int offset = BITS == 8 ? 128 : OFFSET;
    const __m256i zero = _mm256_setzero_si256();
    if (offset == 0) return zero;
    return _mm256_sub_epi32(zero, _mm256_dpbusd_epi32(zero, _mm256_set1_epi8(static_cast<char>(offset)), x));
  }
  // block j of a row with a token's
  template <int BITS, int N>
  static __m256 meet(__m256 acc, half w, half x, __m256i excess, const products<N> &p, int j) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_dpbusd_epi32(excess, w, x)), factors(p, j), acc);
  }

  // --- tiles: sixteen rows, groups of four codes ---

  // blocks of 32 that are unpacked together, and how many vectors of groups they are
  static constexpr int PACK_BLOCKS = 2, PACK_VECTORS = 1;
  template <typename Format>
  static void unpack(const uint8_t *row, int64_t block, int64_t blocks, __m512 *groups) {
    const half first = Format::codes(row, block), second = block + 1 < blocks ? Format::codes(row, block + 1) : first;
    groups[0] = _mm512_castsi512_ps(_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1));
  }
  static i32 panel(const uint8_t *p) { return _mm512_loadu_si512(p); }
  static i32 group(const int8_t *p) { return _mm512_set1_epi32(word_at(p)); }
  // `sums` holds two sums of activations in its halves
  template <int BITS, int OFFSET>
  static i32 start(int32_t sums) {
    constexpr int offset = BITS == 8 ? 128 : OFFSET;
    if (offset == 0) return _mm512_setzero_si512();
    return _mm512_madd_epi16(_mm512_set1_epi32(sums), _mm512_set1_epi16(static_cast<short>(-offset)));
  }
  template <int BITS>
  static i32 step(i32 acc, i32 w, i32 x) {
    return _mm512_dpbusd_epi32(acc, w, x);
  }
  template <int BITS>
  static __m512 finish(i32 acc) {
    return _mm512_cvtepi32_ps(acc);
  }

  // --- activations ---

  // 32 activations to codes; answers the two sums of the codes at places 0, 1 and 2, 3 of each four,
  // as halves of a word: of all, and of the first sixteen
  static void round32(const float *x, float inverse, int8_t *out, int32_t *sums) {
    const __m512 factor = _mm512_set1_ps(inverse);
    const __m128i a = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), factor)));
    const __m128i b = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), factor)));
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out), a);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + 16), b);
    const __m128i one = _mm_set1_epi8(1);
    const __m128i first = _mm_maddubs_epi16(one, a);
    sums[0] = words_added(_mm_add_epi16(first, _mm_maddubs_epi16(one, b)));
    sums[1] = words_added(first);
  }

  // W vectors as rows to columns
  static void transpose(__m512 (&v)[16]) {
    __m512 t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
      t[2 * i] = _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]);
      t[2 * i + 1] = _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      const __m512d a = _mm512_castps_pd(t[4 * i]), b = _mm512_castps_pd(t[4 * i + 1]);
      const __m512d c = _mm512_castps_pd(t[4 * i + 2]), d = _mm512_castps_pd(t[4 * i + 3]);
      v[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
      v[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
      v[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
      v[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    // v[4 i + j] holds, in its quarter q, column 4 q + j of rows 4 i .. 4 i + 3
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const __m512 a = _mm512_shuffle_f32x4(v[j], v[4 + j], 0x88), b = _mm512_shuffle_f32x4(v[j], v[4 + j], 0xdd);
      const __m512 c = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0x88);
      const __m512 d = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0xdd);
      t[j] = _mm512_shuffle_f32x4(a, c, 0x88);
      t[8 + j] = _mm512_shuffle_f32x4(a, c, 0xdd);
      t[4 + j] = _mm512_shuffle_f32x4(b, d, 0x88);
      t[12 + j] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) v[i] = t[i];
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
