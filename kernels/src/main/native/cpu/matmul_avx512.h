// Integer dot products of AVX-512 VNNI, which multiplies unsigned by signed bytes: weights are the
// unsigned side, signed ones plus 128, and the sum of the activations takes the excess away again.
#pragma once

#include "simd_avx512.h"

namespace longform {
namespace LONGFORM_ISA {

struct dots {
  // codes of a row that are met with as many activations at once
  static constexpr int UNIT = 64;
  // tile of an integer product and of a float one: 32 registers, one multiplication a cycle
  static constexpr int TOKENS = 6;
  static constexpr int FLOAT_TOKENS = 12;
  // rows that are read together, and tokens that share a reading
  static constexpr int ROWS = 4;

  using half = __m256i;  // 32 codes
  using codes = __m512i;
  using i32 = __m512i;

  // Factors of 256 neighbours of a row, one for 32 (N = 8) or for 16 of them (N = 16).
  template <int N>
  struct scales {
    __m512 v;
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
    return _mm256_mask_add_epi8(low, high, low, _mm256_set1_epi8(16));
  }
  template <int BITS, int OFFSET>
  static half centred(half v) {
    return BITS == 8 ? _mm256_xor_si256(v, _mm256_set1_epi8(-128)) : v;
  }

  // 64 codes from block `unit * 2` of 32 on; one past the last block is left out
  template <typename Format>
  static codes unit(const uint8_t *row, int64_t unit) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(Format::codes(row, 2 * unit)), Format::codes(row, 2 * unit + 1),
                              1);
  }
  template <typename Format>
  static codes unit_until(const uint8_t *row, int64_t unit, int64_t blocks) {
    const __m512i first = _mm512_zextsi256_si512(Format::codes(row, 2 * unit));
    return 2 * unit + 1 < blocks ? _mm512_inserti64x4(first, Format::codes(row, 2 * unit + 1), 1) : first;
  }
  // a unit as vectors of groups of four codes
  static constexpr int UNIT_VECTORS = 1;
  static __m512 groups(codes v, int) { return _mm512_castsi512_ps(v); }

  // --- scales ---

  static scales<8> halves(const uint8_t *p, int64_t stride) {
    const __m128i h = _mm_set_epi16(half_at(p + 7 * stride), half_at(p + 6 * stride), half_at(p + 5 * stride),
                                    half_at(p + 4 * stride), half_at(p + 3 * stride), half_at(p + 2 * stride),
                                    half_at(p + stride), half_at(p));
    return {_mm512_zextps256_ps512(_mm256_cvtph_ps(h))};
  }
  static scales<8> floats(const float *p) { return {_mm512_zextps256_ps512(_mm256_loadu_ps(p))}; }
  static scales<8> bytes(uint64_t eight, float d) {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(eight)));
    return {_mm512_zextps256_ps512(_mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(d)))};
  }
  static scales<16> signed_bytes(const uint8_t *p, float d) {
    const __m512i wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
    return {_mm512_mul_ps(_mm512_cvtepi32_ps(wide), _mm512_set1_ps(d))};
  }
  static scales<8> times(scales<8> s, const float *x) {
    return {_mm512_mul_ps(s.v, _mm512_zextps256_ps512(_mm256_loadu_ps(x)))};
  }
  static scales<16> times(scales<16> s, const float *x) {
    const __m512 wide = _mm512_castps256_ps512(_mm256_loadu_ps(x));
    const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return {_mm512_mul_ps(s.v, _mm512_permutexvar_ps(twice, wide))};
  }
  // acc - mins * x, in any lanes: they are summed up later
  static __m512 less(__m512 acc, scales<8> mins, const float *x) {
    return _mm512_fnmadd_ps(mins.v, _mm512_zextps256_ps512(_mm256_loadu_ps(x)), acc);
  }
  template <int N>
  static void store(float *p, scales<N> s) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << N) - 1), s.v);
  }

  // --- a row's unit with a token's ---

  static codes load(const int8_t *p) { return _mm512_loadu_si512(p); }
  // what every product with x has too much, negative
  template <int BITS, int OFFSET>
  static i32 excess(codes x) {
    constexpr int offset = BITS == 8 ? 128 : OFFSET;
    if (offset == 0) return _mm512_setzero_si512();
    return _mm512_sub_epi32(
        _mm512_setzero_si512(),
        _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(static_cast<char>(offset)), x));
  }
  template <int BITS, int N>
  static __m512 meet(__m512 acc, codes w, codes x, i32 excess, scales<N> s, int unit) {
    const __m512i lanes = N == 8 ? _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)
                                 : _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512 scale = _mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(unit * (N / 4))), s.v);
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_dpbusd_epi32(excess, w, x)), scale, acc);
  }

  // --- tiles: sixteen rows, groups of four codes ---

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
  static int32_t words_added(__m128i v) {
    v = _mm_add_epi16(v, _mm_unpackhi_epi64(v, v));
    return _mm_cvtsi128_si32(_mm_add_epi16(v, _mm_shuffle_epi32(v, 1)));
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
