// Integer dot products of AVX2, which multiplies unsigned by signed bytes and adds pairs in 16 bits.
// Weights of up to six bits are the unsigned side as they are stored. Signed ones of eight bits would
// overflow that sum; their magnitude meets the activation with their sign.
#pragma once

#include "matmul_x86.h"
#include "simd_avx2.h"

namespace longform {
namespace LONGFORM_ISA {

struct dots : dots_x86 {
  // tile of an integer product and of a float one: 16 registers
  static constexpr int TOKENS = 4;
  static constexpr int FLOAT_TOKENS = 6;

  using i32 = __m256i;

  static half with_high_bits(half low, uint32_t high) {
    const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
    const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int32_t>(high)), byte);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
    return _mm256_or_si256(low, _mm256_and_si256(set, _mm256_set1_epi8(16)));
  }
  template <int BITS, int OFFSET>
  static half centred(half v) {
    return v;
  }

  // --- a block of a row with a token's ---

  // what every product with x has too much
  template <int BITS, int OFFSET>
  static i32 excess(half x) {
    if (BITS == 8 || OFFSET == 0) return _mm256_setzero_si256();
    return _mm256_maddubs_epi16(_mm256_set1_epi8(static_cast<char>(OFFSET)), x);
  }
  // block j of a row with a token's
  template <int BITS, int N>
  static __m256 meet(__m256 acc, half w, half x, i32 excess, const products<N> &p, int j) {
    const __m256i pairs = BITS == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
                                    : _mm256_sub_epi16(_mm256_maddubs_epi16(w, x), excess);
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1))), factors(p, j), acc);
  }

  // --- tiles: eight rows, groups of four codes ---

  // blocks of 32 that are unpacked together, and how many vectors of groups they are
  static constexpr int PACK_BLOCKS = 1, PACK_VECTORS = 1;
  template <typename Format>
  static void unpack(const uint8_t *row, int64_t block, int64_t, __m256 *groups) {
    groups[0] = _mm256_castsi256_ps(Format::codes(row, block));
  }
  static i32 panel(const uint8_t *p) { return load32(p); }
  static i32 group(const int8_t *p) { return _mm256_set1_epi32(word_at(p)); }
  // `sums` holds, in its halves, the sums of the activations that the halves of a lane will meet.
  // Four bits: what a half sums up, less the excess, stays within 16 bits.
  template <int BITS, int OFFSET>
  static i32 start(int32_t sums) {
    if (BITS == 8 || OFFSET == 0) return _mm256_setzero_si256();
    const __m256i excess = _mm256_set1_epi16(static_cast<short>(-OFFSET));
    return BITS == 4 ? _mm256_mullo_epi16(_mm256_set1_epi32(sums), excess)
                     : _mm256_madd_epi16(_mm256_set1_epi32(sums), excess);
  }
  template <int BITS>
  static i32 step(i32 acc, i32 w, i32 x) {
    if (BITS == 4) return _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x));
    const __m256i pairs =
        BITS == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)) : _mm256_maddubs_epi16(w, x);
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  template <int BITS>
  static __m256 finish(i32 acc) {
    return _mm256_cvtepi32_ps(BITS == 4 ? _mm256_madd_epi16(acc, _mm256_set1_epi16(1)) : acc);
  }

  // --- activations ---

  // 32 activations to codes; answers the two sums of the codes at places 0, 1 and 2, 3 of each four,
  // as halves of a word: of all, and of the first sixteen
  static void round32(const float *x, float inverse, int8_t *out, int32_t *sums) {
    const __m128i a = round16(x, inverse);
    const __m128i b = round16(x + 16, inverse);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out), a);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + 16), b);
    const __m128i one = _mm_set1_epi8(1);
    const __m128i first = _mm_maddubs_epi16(one, a);
    sums[0] = words_added(_mm_add_epi16(first, _mm_maddubs_epi16(one, b)));
    sums[1] = words_added(first);
  }

  // W vectors as rows to columns
  static void transpose(__m256 (&v)[8]) {
    __m256 t[8];
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
      const __m256 a = _mm256_unpacklo_ps(v[4 * i], v[4 * i + 1]), b = _mm256_unpackhi_ps(v[4 * i], v[4 * i + 1]);
      const __m256 c = _mm256_unpacklo_ps(v[4 * i + 2], v[4 * i + 3]);
      const __m256 d = _mm256_unpackhi_ps(v[4 * i + 2], v[4 * i + 3]);
      t[4 * i] = _mm256_shuffle_ps(a, c, 0x44);
      t[4 * i + 1] = _mm256_shuffle_ps(a, c, 0xee);
      t[4 * i + 2] = _mm256_shuffle_ps(b, d, 0x44);
      t[4 * i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      v[j] = _mm256_permute2f128_ps(t[j], t[4 + j], 0x20);
      v[4 + j] = _mm256_permute2f128_ps(t[j], t[4 + j], 0x31);
    }
  }

 private:
  static __m128i round16(const float *x, float inverse) {
    const __m256 factor = _mm256_set1_ps(inverse);
    const __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), factor));
    const __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), factor));
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
