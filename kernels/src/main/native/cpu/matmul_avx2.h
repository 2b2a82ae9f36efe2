// Integer dot products of AVX2, which multiplies unsigned by signed bytes and adds pairs in 16 bits.
// Weights of up to six bits are the unsigned side as they are stored. Signed ones of eight bits would
// overflow that sum; their magnitude meets the activation with their sign.
#pragma once

#include "simd_avx2.h"

namespace longform {
namespace LONGFORM_ISA {

struct dots {
  // codes of a row that are met with as many activations at once
  static constexpr int UNIT = 32;
  // tile of an integer product and of a float one: 16 registers
  static constexpr int TOKENS = 4;
  static constexpr int FLOAT_TOKENS = 6;
  // rows that are read together
  static constexpr int ROWS = 4;

  using half = __m256i;  // 32 codes
  using codes = __m256i;
  using i32 = __m256i;

  // Factors of 256 neighbours of a row, one for 32 (N = 8) or for 16 of them (N = 16).
  template <int N>
  struct scales {
    __m256 v[N / 8];
  };

  // --- codes ---

  static half load32(const uint8_t *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }
  // 16 low halves of bytes, then the 16 high ones
  static half nibbles(const uint8_t *p) {
    const __m256i twice = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
    return _mm256_and_si256(_mm256_srlv_epi64(twice, _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
  }
  static half bits(half v, int shift, int mask) {
    return _mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi8(static_cast<char>(mask)));
  }
  // low + 16 * high
  static half with_high(half low, half high) { return _mm256_or_si256(low, _mm256_slli_epi16(high, 4)); }
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

  template <typename Format>
  static codes unit(const uint8_t *row, int64_t unit) {
    return Format::codes(row, unit);
  }
  template <typename Format>
  static codes unit_until(const uint8_t *row, int64_t unit, int64_t) {
    return Format::codes(row, unit);
  }
  // a unit as vectors of groups of four codes
  static constexpr int UNIT_VECTORS = 1;
  static __m256 groups(codes v, int) { return _mm256_castsi256_ps(v); }

  // --- scales ---

  static scales<8> halves(const uint8_t *p, int64_t stride) {
    const __m128i h = _mm_set_epi16(half_at(p + 7 * stride), half_at(p + 6 * stride), half_at(p + 5 * stride),
                                    half_at(p + 4 * stride), half_at(p + 3 * stride), half_at(p + 2 * stride),
                                    half_at(p + stride), half_at(p));
    return {{_mm256_cvtph_ps(h)}};
  }
  static scales<8> floats(const float *p) { return {{_mm256_loadu_ps(p)}}; }
  static scales<8> bytes(uint64_t eight, float d) {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(eight)));
    return {{_mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(d))}};
  }
  static scales<16> signed_bytes(const uint8_t *p, float d) {
    const __m256i first = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p)));
    const __m256i second = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p + 8)));
    const __m256 factor = _mm256_set1_ps(d);
    return {{_mm256_mul_ps(_mm256_cvtepi32_ps(first), factor), _mm256_mul_ps(_mm256_cvtepi32_ps(second), factor)}};
  }
  static scales<8> times(scales<8> s, const float *x) { return {{_mm256_mul_ps(s.v[0], _mm256_loadu_ps(x))}}; }
  static scales<16> times(scales<16> s, const float *x) {
    const __m256 wide = _mm256_loadu_ps(x);
    const __m256 first = _mm256_permutevar8x32_ps(wide, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
    const __m256 second = _mm256_permutevar8x32_ps(wide, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7));
    return {{_mm256_mul_ps(s.v[0], first), _mm256_mul_ps(s.v[1], second)}};
  }
  // acc - mins * x, in any lanes: they are summed up later
  static __m256 less(__m256 acc, scales<8> mins, const float *x) {
    return _mm256_fnmadd_ps(mins.v[0], _mm256_loadu_ps(x), acc);
  }
  template <int N>
  static void store(float *p, scales<N> s) {
    for (int i = 0; i < N / 8; i++) _mm256_storeu_ps(p + 8 * i, s.v[i]);
  }

  // --- a row's unit with a token's ---

  static codes load(const int8_t *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }
  // what every product with x has too much
  template <int BITS, int OFFSET>
  static i32 excess(codes x) {
    if (BITS == 8 || OFFSET == 0) return _mm256_setzero_si256();
    return _mm256_maddubs_epi16(_mm256_set1_epi8(static_cast<char>(OFFSET)), x);
  }
  template <int BITS, int N>
  static __m256 meet(__m256 acc, codes w, codes x, i32 excess, scales<N> s, int unit) {
    const __m256i pairs = BITS == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
                                    : _mm256_sub_epi16(_mm256_maddubs_epi16(w, x), excess);
    const __m256i lanes = N == 8 ? _mm256_set1_epi32(unit)
                                 : _mm256_add_epi32(_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1),
                                                    _mm256_set1_epi32(2 * (unit & 3)));
    const __m256 scale = _mm256_permutevar8x32_ps(s.v[N == 8 ? 0 : unit / 4], lanes);
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1))), scale, acc);
  }

  // --- tiles: eight rows, groups of four codes ---

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
  static short half_at(const uint8_t *p) {
    short h;
    std::memcpy(&h, p, 2);
    return h;
  }
  static int32_t word_at(const void *p) {
    int32_t w;
    std::memcpy(&w, p, 4);
    return w;
  }
  static __m128i round16(const float *x, float inverse) {
    const __m256 factor = _mm256_set1_ps(inverse);
    const __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), factor));
    const __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), factor));
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  }
  static int32_t words_added(__m128i v) {
    v = _mm_add_epi16(v, _mm_unpackhi_epi64(v, v));
    return _mm_cvtsi128_si32(_mm_add_epi16(v, _mm_shuffle_epi32(v, 1)));
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
