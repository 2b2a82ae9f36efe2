// Vectors of one float: the portable instruction set, and the model for the others.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct simd {
  using f32 = float;
  static constexpr int W = 1;

  static f32 zero() { return 0; }
  static f32 set(float x) { return x; }
  // of any address, as the other instruction sets
  static f32 load(const float *p) {
    float x;
    std::memcpy(&x, p, 4);
    return x;
  }
  static void store(float *p, f32 x) { *p = x; }
  // the first n of W; the others are 0 when loaded and left alone when stored
  static f32 load_part(const float *p, int n) { return n > 0 ? *p : 0; }
  static void store_part(float *p, f32 x, int n) {
    if (n > 0) *p = x;
  }
  static f32 load_f16(const uint16_t *p) {
    uint16_t half;
    std::memcpy(&half, p, 2);
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
    const uint32_t exponent = (half >> 10) & 0x1f;
    const uint32_t fraction = half & 0x3ff;
    uint32_t bits;
    if (exponent == 0) {
      const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
      std::memcpy(&bits, &magnitude, 4);
      bits |= sign;
    } else {
      bits = sign | (exponent == 0x1f ? 0x7f800000 : (exponent + 112) << 23) | (fraction << 13);
    }
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  }
  static f32 load_bf16(const uint16_t *p) {
    uint16_t half;
    std::memcpy(&half, p, 2);
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  }
  static f32 load_i8(const int8_t *p) { return *p; }

  static f32 add(f32 a, f32 b) { return a + b; }
  static f32 sub(f32 a, f32 b) { return a - b; }
  static f32 mul(f32 a, f32 b) { return a * b; }
  static f32 div(f32 a, f32 b) { return a / b; }
  // a * b + c
  static f32 fma(f32 a, f32 b, f32 c) { return a * b + c; }
  // c - a * b
  static f32 fnma(f32 a, f32 b, f32 c) { return c - a * b; }
  // the second if either is NaN, as on x86
  static f32 max(f32 a, f32 b) { return a > b ? a : b; }
  static f32 min(f32 a, f32 b) { return a < b ? a : b; }
  static float sum(f32 x) { return x; }
  static float largest(f32 x) { return x; }
  static f32 round(f32 x) { return std::nearbyint(x); }
  // 2^n for whole n within -126..127
  static f32 exp2_whole(f32 n) {
    const uint32_t bits = static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23;
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  }
  // whether any a > b
  static bool any_greater(f32 a, f32 b) { return a > b; }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
