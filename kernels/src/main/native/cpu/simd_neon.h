// Vectors of four floats: ARMv8.2-A with half precision conversion.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct simd {
  using f32 = float32x4_t;
  static constexpr int W = 4;

  static f32 zero() { return vdupq_n_f32(0); }
  static f32 set(float x) { return vdupq_n_f32(x); }
  // by bytes: weights of a file may lie at any address, and the instruction is the same
  static f32 load(const float *p) { return vreinterpretq_f32_u8(vld1q_u8(reinterpret_cast<const uint8_t *>(p))); }
  static void store(float *p, f32 x) { vst1q_f32(p, x); }
  static f32 load_part(const float *p, int n) {
    float padded[4] = {0, 0, 0, 0};
    for (int i = 0; i < n && i < 4; i++) padded[i] = p[i];
    return vld1q_f32(padded);
  }
  static void store_part(float *p, f32 x, int n) {
    float padded[4];
    vst1q_f32(padded, x);
    for (int i = 0; i < n && i < 4; i++) p[i] = padded[i];
  }
  static uint16x4_t load_u16(const uint16_t *p) {
    return vreinterpret_u16_u8(vld1_u8(reinterpret_cast<const uint8_t *>(p)));
  }
  static f32 load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(load_u16(p))); }
  static f32 load_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(load_u16(p), 16)); }
  static f32 load_i8(const int8_t *p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
  }

  static f32 add(f32 a, f32 b) { return vaddq_f32(a, b); }
  static f32 sub(f32 a, f32 b) { return vsubq_f32(a, b); }
  static f32 mul(f32 a, f32 b) { return vmulq_f32(a, b); }
  static f32 div(f32 a, f32 b) { return vdivq_f32(a, b); }
  static f32 fma(f32 a, f32 b, f32 c) { return vfmaq_f32(c, a, b); }
  static f32 fnma(f32 a, f32 b, f32 c) { return vfmsq_f32(c, a, b); }
  // the second if either is NaN, as on x86
  static f32 max(f32 a, f32 b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static f32 min(f32 a, f32 b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static float sum(f32 x) { return vaddvq_f32(x); }
  static float largest(f32 x) { return vmaxvq_f32(x); }
  static f32 round(f32 x) { return vrndnq_f32(x); }
  static f32 exp2_whole(f32 n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23));
  }
  static bool any_greater(f32 a, f32 b) { return vmaxvq_u32(vcgtq_f32(a, b)) != 0; }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
