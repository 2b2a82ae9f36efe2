// What the search for the best keys needs beside plain vectors, without any vector instruction.
#pragma once

#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct lanes {
  using f32 = simd::f32;

  // keys and vectors of queries of the block kernel
  static constexpr int kBlockKeys = 4;
  static constexpr int kBlockVectors = 2;
  // sums of the kernel for few queries
  static constexpr int kFewSums = 4;

  // bit i: a > b
  static uint32_t greater(f32 a, f32 b) { return a > b; }
  // bit i: a >= b, or one of them is NaN
  static uint32_t not_less(f32 a, f32 b) { return !(a < b); }

  static f32 half(const char *p) {
    uint16_t bits;
    std::memcpy(&bits, p, 2);
    return simd::load_f16(&bits);
  }

  // lane i: the sum over the lanes of x[i]
  static f32 sums(const f32 *x) { return *x; }

  // out[h][row] = sum of codes times query h, see sketch.h; queries (quads, Heads, 4)
  template <int Heads>
  static void code_products(const uint8_t *codes, const int8_t *queries, int64_t quads, float *out) {
    int32_t sum[Heads][64] = {};
    for (int64_t quad = 0; quad < quads; quad++, codes += 128, queries += 4 * Heads) {
      for (int i = 0; i < 128; i++) {
        const int row = i / 64 * 32 + i % 64 / 4;
        for (int h = 0; h < Heads; h++) {
          sum[h][row] += (codes[i] & 15) * queries[4 * h + i % 4];
          sum[h][row + 16] += (codes[i] >> 4) * queries[4 * h + i % 4];
        }
      }
    }
    for (int h = 0; h < Heads; h++) {
      for (int row = 0; row < 64; row++) out[64 * h + row] = static_cast<float>(sum[h][row]);
    }
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
