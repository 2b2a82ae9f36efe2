// What AVX2 and AVX-512 share: 32 codes of a row in 256 bits, and the factors of 256 neighbours.
// Weights of up to six bits stay unsigned, as they are stored.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct dots_x86 {
  using half = __m256i;  // 32 codes
  // codes of up to six bits come as stored, their offset is taken away from sums
  static constexpr bool UNSIGNED = true;
  using partial = __m256;  // sums of a row and a token, in any lanes

  // Factors of 256 neighbours of a row, one for 32 (N = 8) or for 16 of them (N = 16).
  template <int N>
  struct scales {
    __m256 v[N / 8];
  };
  // Scales times those of a token; in memory, which broadcasts them for nothing.
  template <int N>
  struct products {
    alignas(32) float v[N];
  };

  static partial nothing() { return _mm256_setzero_ps(); }
  static float total(partial sums) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
  }

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
  static half load(const int8_t *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }

  // --- scales ---

  static float half_to_float(const uint8_t *p) {
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(static_cast<uint16_t>(half_at(p)))));
  }
  // float16 numbers of eight blocks of `BYTES`
  template <int BYTES>
  static scales<8> halves(const uint8_t *p) {
    const __m128i h = _mm_set_epi16(half_at(p + 7 * BYTES), half_at(p + 6 * BYTES), half_at(p + 5 * BYTES),
                                    half_at(p + 4 * BYTES), half_at(p + 3 * BYTES), half_at(p + 2 * BYTES),
                                    half_at(p + BYTES), half_at(p));
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
  static void times(scales<8> s, const float *x, products<8> *out) {
    _mm256_store_ps(out->v, _mm256_mul_ps(s.v[0], _mm256_loadu_ps(x)));
    in_memory(out);
  }
  static void times(scales<16> s, const float *x, products<16> *out) {
    const __m256 wide = _mm256_loadu_ps(x);
    const __m256 first = _mm256_permutevar8x32_ps(wide, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
    const __m256 second = _mm256_permutevar8x32_ps(wide, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7));
    _mm256_store_ps(out->v, _mm256_mul_ps(s.v[0], first));
    _mm256_store_ps(out->v + 8, _mm256_mul_ps(s.v[1], second));
    in_memory(out);
  }
  // acc - mins * x, in any lanes: they are summed up later
  static partial less(partial acc, scales<8> mins, const float *x) {
    return _mm256_fnmadd_ps(mins.v[0], _mm256_loadu_ps(x), acc);
  }
  template <int N>
  static void store(float *p, scales<N> s) {
    for (int i = 0; i < N / 8; i++) _mm256_storeu_ps(p + 8 * i, s.v[i]);
  }
  // the factor of every lane of block j of 32
  static __m256 factors(const products<8> &p, int j) { return _mm256_set1_ps(p.v[j]); }
  static __m256 factors(const products<16> &p, int j) {
    return _mm256_permutevar8x32_ps(_mm256_load_ps(p.v + j / 4 * 8),
                                    _mm256_add_epi32(_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1),
                                                     _mm256_set1_epi32(j % 4 * 2)));
  }

  // the sum of eight words, the even and the odd ones, as halves of a word
  static int32_t words_added(__m128i v) {
    v = _mm_add_epi16(v, _mm_unpackhi_epi64(v, v));
    return _mm_cvtsi128_si32(_mm_add_epi16(v, _mm_shuffle_epi32(v, 1)));
  }
  static int32_t word_at(const void *p) {
    int32_t w;
    std::memcpy(&w, p, 4);
    return w;
  }
  static short half_at(const uint8_t *p) {
    short h;
    std::memcpy(&h, p, 2);
    return h;
  }

 private:
  // compilers would pick the numbers out of a register, which takes a shuffle for each
  template <typename T>
  static void in_memory(T *value) {
    asm("" : "+m"(*value));
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
