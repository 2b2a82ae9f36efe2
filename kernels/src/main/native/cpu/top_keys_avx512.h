// What the search for the best keys needs of AVX-512 beside plain vectors.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct lanes {
  using f32 = simd::f32;

  // keys and vectors of queries of the block kernel: 24 of 32 registers are sums
  static constexpr int kBlockKeys = 12;
  static constexpr int kBlockVectors = 2;
  // sums of the kernel for few queries: 16 of 32 registers
  static constexpr int kFewSums = 16;

  // bit i: a > b
  static uint32_t greater(f32 a, f32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  // bit i: a >= b, or one of them is NaN
  static uint32_t not_less(f32 a, f32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }

  static f32 half(const char *p) {
    uint16_t bits;
    std::memcpy(&bits, p, 2);
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
  }

  // lane i: the sum over the lanes of x[i]; all of them pair lanes alike, so that a sum does not
  // depend on its place
  static f32 sums(const f32 *x) {
    f32 a[8], b[4];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
      a[i] = _mm512_add_ps(_mm512_shuffle_f32x4(x[i], x[i + 8], 0x44), _mm512_shuffle_f32x4(x[i], x[i + 8], 0xee));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      b[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a[i], a[i + 4], 0x88), _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd));
    }
    // lanes of 128 bits are now the sums i, i + 8, i + 4, i + 12
    const f32 c = _mm512_add_ps(_mm512_shuffle_ps(b[0], b[1], 0x44), _mm512_shuffle_ps(b[0], b[1], 0xee));
    const f32 d = _mm512_add_ps(_mm512_shuffle_ps(b[2], b[3], 0x44), _mm512_shuffle_ps(b[2], b[3], 0xee));
    const f32 e = _mm512_add_ps(_mm512_shuffle_ps(c, d, 0x88), _mm512_shuffle_ps(c, d, 0xdd));
    return _mm512_shuffle_f32x4(e, e, 0xd8);
  }

  // out[h][row] = sum of codes times query h, see sketch.h; queries (quads, Heads, 4)
  template <int Heads>
  static void code_products(const uint8_t *codes, const int8_t *queries, int64_t quads, float *out) {
    const __m512i low = _mm512_set1_epi8(15);
    __m512i sum[4][Heads];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
#pragma GCC unroll 4
      for (int h = 0; h < Heads; h++) sum[i][h] = _mm512_setzero_si512();
    }
    for (int64_t quad = 0; quad < quads; quad++, codes += 128, queries += 4 * Heads) {
      const __m512i first = _mm512_loadu_si512(codes), second = _mm512_loadu_si512(codes + 64);
      const __m512i part[4] = {_mm512_and_si512(first, low), _mm512_and_si512(_mm512_srli_epi16(first, 4), low),
                               _mm512_and_si512(second, low), _mm512_and_si512(_mm512_srli_epi16(second, 4), low)};
#pragma GCC unroll 4
      for (int h = 0; h < Heads; h++) {
        int32_t four;
        std::memcpy(&four, queries + 4 * h, 4);
        const __m512i query = _mm512_set1_epi32(four);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) sum[i][h] = _mm512_dpbusd_epi32(sum[i][h], part[i], query);
      }
    }
#pragma GCC unroll 4
    for (int h = 0; h < Heads; h++) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) _mm512_storeu_ps(out + 64 * h + 16 * i, _mm512_cvtepi32_ps(sum[i][h]));
    }
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
