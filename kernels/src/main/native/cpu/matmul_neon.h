// Integer dot products of ARMv8.2: signed by signed bytes, four to a lane.
#pragma once

#include "simd_neon.h"

namespace longform {
namespace LONGFORM_ISA {

struct dots {
  // tile of an integer product and of a float one: 32 registers
  static constexpr int TOKENS = 6;
  static constexpr int FLOAT_TOKENS = 8;

  // 32 codes
  struct half {
    uint8x16_t a, b;
  };
  struct codes {
    int8x16_t a, b;
  };
  using i32 = int32x4_t;

  static constexpr bool UNSIGNED = false;  // codes come without their offset
  using partial = float32x4_t;  // sums of a row and a token
  static partial nothing() { return simd::zero(); }
  static float total(partial sums) { return simd::sum(sums); }

  // Factors of 256 neighbours of a row, one for 32 (N = 8) or for 16 of them (N = 16).
  template <int N>
  struct scales {
    float32x4_t v[N / 4];
  };

  // Scales times those of a token.
  template <int N>
  using products = scales<N>;

  // --- codes ---

  static half load32(const uint8_t *p) { return {vld1q_u8(p), vld1q_u8(p + 16)}; }
  // 16 low halves of bytes, then the 16 high ones
  static half nibbles(const uint8_t *p) {
    const uint8x16_t v = vld1q_u8(p);
    return {vandq_u8(v, vdupq_n_u8(15)), vshrq_n_u8(v, 4)};
  }
  static half bits(half v, int shift, int mask) {
    const int8x16_t right = vdupq_n_s8(static_cast<int8_t>(-shift));
    const uint8x16_t keep = vdupq_n_u8(static_cast<uint8_t>(mask));
    return {vandq_u8(vshlq_u8(v.a, right), keep), vandq_u8(vshlq_u8(v.b, right), keep)};
  }
  // low + 16 * high
  static half with_high(half low, half high) {
    return {vorrq_u8(low.a, vshlq_n_u8(high.a, 4)), vorrq_u8(low.b, vshlq_n_u8(high.b, 4))};
  }
  static half with_high_bits(half low, uint32_t high) {
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    const uint8x16_t a = vcombine_u8(vdup_n_u8(static_cast<uint8_t>(high)), vdup_n_u8(static_cast<uint8_t>(high >> 8)));
    const uint8x16_t b =
        vcombine_u8(vdup_n_u8(static_cast<uint8_t>(high >> 16)), vdup_n_u8(static_cast<uint8_t>(high >> 24)));
    const uint8x16_t sixteen = vdupq_n_u8(16);
    return {vorrq_u8(low.a, vandq_u8(vtstq_u8(a, bit), sixteen)), vorrq_u8(low.b, vandq_u8(vtstq_u8(b, bit), sixteen))};
  }
  // signed from here on
  template <int BITS, int OFFSET>
  static codes centred(half v) {
    const int8x16_t offset = vdupq_n_s8(BITS == 8 ? 0 : OFFSET);
    return {vsubq_s8(vreinterpretq_s8_u8(v.a), offset), vsubq_s8(vreinterpretq_s8_u8(v.b), offset)};
  }

  static float half_to_float(const uint8_t *p) {
    __fp16 h;
    std::memcpy(&h, p, 2);
    return h;
  }

  // --- scales ---

  // float16 numbers of eight blocks of `BYTES`
  template <int BYTES>
  static scales<8> halves(const uint8_t *p) {
    uint16_t h[8];
    for (int i = 0; i < 8; i++) std::memcpy(h + i, p + i * BYTES, 2);
    return {{simd::load_f16(h), simd::load_f16(h + 4)}};
  }
  static scales<8> floats(const float *p) { return {{vld1q_f32(p), vld1q_f32(p + 4)}}; }
  static scales<8> bytes(uint64_t eight, float d) {
    const uint16x8_t wide = vmovl_u8(vcreate_u8(eight));
    return {{vmulq_n_f32(vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide))), d),
             vmulq_n_f32(vcvtq_f32_u32(vmovl_u16(vget_high_u16(wide))), d)}};
  }
  static scales<16> signed_bytes(const uint8_t *p, float d) {
    const int8x16_t v = vreinterpretq_s8_u8(vld1q_u8(p));
    const int16x8_t a = vmovl_s8(vget_low_s8(v)), b = vmovl_s8(vget_high_s8(v));
    return {{vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(a))), d),
             vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_high_s16(a))), d),
             vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(b))), d),
             vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_high_s16(b))), d)}};
  }
  static void times(scales<8> s, const float *x, products<8> *out) {
    *out = {{vmulq_f32(s.v[0], vld1q_f32(x)), vmulq_f32(s.v[1], vld1q_f32(x + 4))}};
  }
  static void times(scales<16> s, const float *x, products<16> *out) {
    const float32x4_t a = vld1q_f32(x), b = vld1q_f32(x + 4);
    *out = {{vmulq_f32(s.v[0], vzip1q_f32(a, a)), vmulq_f32(s.v[1], vzip2q_f32(a, a)),
             vmulq_f32(s.v[2], vzip1q_f32(b, b)), vmulq_f32(s.v[3], vzip2q_f32(b, b))}};
  }
  // acc - mins * x, in any lanes: they are summed up later
  static float32x4_t less(float32x4_t acc, scales<8> mins, const float *x) {
    return vfmsq_f32(vfmsq_f32(acc, mins.v[0], vld1q_f32(x)), mins.v[1], vld1q_f32(x + 4));
  }
  template <int N>
  static void store(float *p, scales<N> s) {
    for (int i = 0; i < N / 4; i++) vst1q_f32(p + 4 * i, s.v[i]);
  }

  // --- a block of a row with a token's ---

  static codes load(const int8_t *p) { return {vld1q_s8(p), vld1q_s8(p + 16)}; }
  // nothing: codes are signed
  template <int BITS, int OFFSET>
  static i32 excess(codes) {
    return vdupq_n_s32(0);
  }
  template <int BITS, int N>
  static float32x4_t meet(float32x4_t acc, codes w, codes x, i32 zero, const products<N> &p, int j) {
    const int32x4_t first = vdotq_s32(zero, w.a, x.a);
    if constexpr (N == 8) return vfmaq_n_f32(acc, vcvtq_f32_s32(vdotq_s32(first, w.b, x.b)), p.v[j / 4][j % 4]);
    acc = vfmaq_n_f32(acc, vcvtq_f32_s32(first), p.v[j / 2][2 * j % 4]);
    return vfmaq_n_f32(acc, vcvtq_f32_s32(vdotq_s32(zero, w.b, x.b)), p.v[j / 2][(2 * j + 1) % 4]);
  }

  // --- tiles: four rows, groups of four codes ---

  // blocks of 32 that are unpacked together, and how many vectors of groups they are
  static constexpr int PACK_BLOCKS = 1, PACK_VECTORS = 2;
  template <typename Format>
  static void unpack(const uint8_t *row, int64_t block, int64_t, float32x4_t *groups) {
    const codes v = Format::codes(row, block);
    groups[0] = vreinterpretq_f32_s8(v.a);
    groups[1] = vreinterpretq_f32_s8(v.b);
  }
  static int8x16_t panel(const uint8_t *p) { return vreinterpretq_s8_u8(vld1q_u8(p)); }
  static int8x16_t group(const int8_t *p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
  }
  template <int BITS, int OFFSET>
  static i32 start(int32_t) {
    return vdupq_n_s32(0);
  }
  template <int BITS>
  static i32 step(i32 acc, int8x16_t w, int8x16_t x) {
    return vdotq_s32(acc, w, x);
  }
  template <int BITS>
  static float32x4_t finish(i32 acc) {
    return vcvtq_f32_s32(acc);
  }

  // --- activations ---

  // 32 activations to codes; the sum is of all and, as halves of a word, nothing else needs it
  static void round32(const float *x, float inverse, int8_t *out, int32_t *sums) {
    int16x8_t total = vdupq_n_s16(0);
    for (int i = 0; i < 32; i += 16) {
      const int16x8_t a = vcombine_s16(round4(x + i, inverse), round4(x + i + 4, inverse));
      const int16x8_t b = vcombine_s16(round4(x + i + 8, inverse), round4(x + i + 12, inverse));
      vst1q_s8(out + i, vcombine_s8(vqmovn_s16(a), vqmovn_s16(b)));
      total = vaddq_s16(total, vaddq_s16(a, b));
    }
    sums[0] = static_cast<uint16_t>(vaddvq_s16(total));
    sums[1] = 0;
  }

  // W vectors as rows to columns
  static void transpose(float32x4_t (&v)[4]) {
    const float32x4_t a = vtrn1q_f32(v[0], v[1]), b = vtrn2q_f32(v[0], v[1]);
    const float32x4_t c = vtrn1q_f32(v[2], v[3]), d = vtrn2q_f32(v[2], v[3]);
    v[0] = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
    v[1] = vcombine_f32(vget_low_f32(b), vget_low_f32(d));
    v[2] = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
    v[3] = vcombine_f32(vget_high_f32(b), vget_high_f32(d));
  }

 private:
  static int16x4_t round4(const float *x, float inverse) {
    return vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x), inverse)));
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
