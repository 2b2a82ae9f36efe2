// What the search for the best keys needs of NEON beside plain vectors.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct lanes {
  using f32 = simd::f32;

  // keys and vectors of queries of the block kernel: 24 of 32 registers are sums
  static constexpr int kBlockKeys = 8;
  static constexpr int kBlockVectors = 3;
  // sums of the kernel for few queries
  static constexpr int kFewSums = 16;

  static uint32_t bits(uint32x4_t chosen) {
    const uint32x4_t place = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(chosen, place));
  }
  // bit i: a > b
  static uint32_t greater(f32 a, f32 b) { return bits(vcgtq_f32(a, b)); }
  // bit i: a >= b, or one of them is NaN
  static uint32_t not_less(f32 a, f32 b) { return bits(vmvnq_u32(vcltq_f32(a, b))); }

  static f32 half(const char *p) {
    uint16_t bits;
    std::memcpy(&bits, p, 2);
    return vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(bits)));
  }

  // lane i: the sum over the lanes of x[i]; all of them pair lanes alike, so that a sum does not
  // depend on its place
  static f32 sums(const f32 *x) { return vpaddq_f32(vpaddq_f32(x[0], x[1]), vpaddq_f32(x[2], x[3])); }

  // out[h][row] = sum of codes times query h, see sketch.h; queries (quads, Heads, 4)
  template <int Heads>
  static void code_products(const uint8_t *codes, const int8_t *queries, int64_t quads, float *out) {
    const uint8x16_t low = vdupq_n_u8(15);
    for (int part = 0; part < 8; part++) {
      int32x4_t sum[2][Heads];
#pragma GCC unroll 4
      for (int h = 0; h < Heads; h++) sum[0][h] = sum[1][h] = vdupq_n_s32(0);
      const uint8_t *code = codes + 16 * part;
      const int8_t *query = queries;
      for (int64_t quad = 0; quad < quads; quad++, code += 128, query += 4 * Heads) {
        const uint8x16_t both = vld1q_u8(code);
        const int8x16_t first = vreinterpretq_s8_u8(vandq_u8(both, low));
        const int8x16_t second = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
#pragma GCC unroll 4
        for (int h = 0; h < Heads; h++) {
          int32_t four;
          std::memcpy(&four, query + 4 * h, 4);
          const int8x16_t q = vreinterpretq_s8_s32(vdupq_n_s32(four));
          sum[0][h] = vdotq_s32(sum[0][h], first, q);
          sum[1][h] = vdotq_s32(sum[1][h], second, q);
        }
      }
      const int row = part / 4 * 32 + part % 4 * 4;
#pragma GCC unroll 4
      for (int h = 0; h < Heads; h++) {
        vst1q_f32(out + 64 * h + row, vcvtq_f32_s32(sum[0][h]));
        vst1q_f32(out + 64 * h + row + 16, vcvtq_f32_s32(sum[1][h]));
      }
    }
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
