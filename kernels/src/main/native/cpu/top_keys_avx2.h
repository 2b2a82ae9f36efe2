// What the search for the best keys needs of AVX2 beside plain vectors.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct lanes {
  using f32 = simd::f32;

  // keys and vectors of queries of the block kernel: 12 of 16 registers are sums
  static constexpr int kBlockKeys = 6;
  static constexpr int kBlockVectors = 2;
  // sums of the kernel for few queries
  static constexpr int kFewSums = 8;

  // bit i: a > b
  static uint32_t greater(f32 a, f32 b) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)));
  }
  // bit i: a >= b, or one of them is NaN
  static uint32_t not_less(f32 a, f32 b) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NLT_UQ)));
  }

  static f32 half(const char *p) {
    uint16_t bits;
    std::memcpy(&bits, p, 2);
    return _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
  }

  // lane i: the sum over the lanes of x[i]; all of them pair lanes alike, so that a sum does not
  // depend on its place
  static f32 sums(const f32 *x) {
    f32 a[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      a[i] = _mm256_add_ps(_mm256_permute2f128_ps(x[i], x[i + 4], 0x20), _mm256_permute2f128_ps(x[i], x[i + 4], 0x31));
    }
    // halves of 128 bits are now the sums i and i + 4
    const f32 b = _mm256_add_ps(_mm256_shuffle_ps(a[0], a[1], 0x44), _mm256_shuffle_ps(a[0], a[1], 0xee));
    const f32 c = _mm256_add_ps(_mm256_shuffle_ps(a[2], a[3], 0x44), _mm256_shuffle_ps(a[2], a[3], 0xee));
    return _mm256_add_ps(_mm256_shuffle_ps(b, c, 0x88), _mm256_shuffle_ps(b, c, 0xdd));
  }

  // out[h][row] = sum of codes times query h, see sketch.h; queries (quads, Heads, 4)
  template <int Heads>
  static void code_products(const uint8_t *codes, const int8_t *queries, int64_t quads, float *out) {
    const __m256i low = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1);
    for (int quarter = 0; quarter < 4; quarter++) {
      __m256i sum[2][Heads];
#pragma GCC unroll 4
      for (int h = 0; h < Heads; h++) sum[0][h] = sum[1][h] = _mm256_setzero_si256();
      const uint8_t *code = codes + 32 * quarter;
      const int8_t *query = queries;
      for (int64_t done = 0; done < quads; done += 8) {
        // eight sums of two products up to 15 * 127 fit into 16 bits
        __m256i part[2][Heads];
#pragma GCC unroll 4
        for (int h = 0; h < Heads; h++) part[0][h] = part[1][h] = _mm256_setzero_si256();
        for (int64_t quad = done; quad < quads && quad < done + 8; quad++, code += 128, query += 4 * Heads) {
          const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(code));
          const __m256i first = _mm256_and_si256(both, low);
          const __m256i second = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
#pragma GCC unroll 4
          for (int h = 0; h < Heads; h++) {
            int32_t four;
            std::memcpy(&four, query + 4 * h, 4);
            const __m256i q = _mm256_set1_epi32(four);
            part[0][h] = _mm256_add_epi16(part[0][h], _mm256_maddubs_epi16(first, q));
            part[1][h] = _mm256_add_epi16(part[1][h], _mm256_maddubs_epi16(second, q));
          }
        }
#pragma GCC unroll 4
        for (int h = 0; h < Heads; h++) {
          sum[0][h] = _mm256_add_epi32(sum[0][h], _mm256_madd_epi16(part[0][h], one));
          sum[1][h] = _mm256_add_epi32(sum[1][h], _mm256_madd_epi16(part[1][h], one));
        }
      }
      const int row = quarter / 2 * 32 + quarter % 2 * 8;
#pragma GCC unroll 4
      for (int h = 0; h < Heads; h++) {
        _mm256_storeu_ps(out + 64 * h + row, _mm256_cvtepi32_ps(sum[0][h]));
        _mm256_storeu_ps(out + 64 * h + row + 16, _mm256_cvtepi32_ps(sum[1][h]));
      }
    }
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
