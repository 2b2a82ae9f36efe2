// Integer dot products in plain C++: the model for the others.
#pragma once

#include "simd_scalar.h"

namespace longform {
namespace LONGFORM_ISA {

struct dots {
  // tile of an integer product and of a float one
  static constexpr int TOKENS = 4;
  static constexpr int FLOAT_TOKENS = 4;

  // 32 codes
  struct half {
    int16_t c[32];
  };
  using codes = half;
  struct four {
    int8_t c[4];
  };
  using i32 = int32_t;

  static constexpr bool UNSIGNED = false;  // codes come without their offset
  using partial = float;  // sums of a row and a token
  static partial nothing() { return simd::zero(); }
  static float total(partial sums) { return simd::sum(sums); }

  // Factors of 256 neighbours of a row, one for 32 (N = 8) or for 16 of them (N = 16).
  template <int N>
  struct scales {
    float v[N];
  };

  // Scales times those of a token.
  template <int N>
  using products = scales<N>;

  // --- codes ---

  static half load32(const uint8_t *p) {
    half v;
    for (int i = 0; i < 32; i++) v.c[i] = p[i];
    return v;
  }
  // 16 low halves of bytes, then the 16 high ones
  static half nibbles(const uint8_t *p) {
    half v;
    for (int i = 0; i < 16; i++) {
      v.c[i] = p[i] & 15;
      v.c[i + 16] = p[i] >> 4;
    }
    return v;
  }
  static half bits(half v, int shift, int mask) {
    for (int i = 0; i < 32; i++) v.c[i] = static_cast<int16_t>((v.c[i] >> shift) & mask);
    return v;
  }
  // low + 16 * high
  static half with_high(half low, half high) {
    for (int i = 0; i < 32; i++) low.c[i] = static_cast<int16_t>(low.c[i] + 16 * high.c[i]);
    return low;
  }
  static half with_high_bits(half low, uint32_t high) {
    for (int i = 0; i < 32; i++) low.c[i] = static_cast<int16_t>(low.c[i] + 16 * ((high >> i) & 1));
    return low;
  }
  // signed from here on
  template <int BITS, int OFFSET>
  static half centred(half v) {
    for (int i = 0; i < 32; i++) v.c[i] = static_cast<int16_t>(BITS == 8 ? static_cast<int8_t>(v.c[i]) : v.c[i] - OFFSET);
    return v;
  }

  static float half_to_float(const uint8_t *p) {
    uint16_t h;
    std::memcpy(&h, p, 2);
    return simd::load_f16(&h);
  }

  // --- scales ---

  // float16 numbers of eight blocks of `BYTES`
  template <int BYTES>
  static scales<8> halves(const uint8_t *p) {
    scales<8> s;
    for (int i = 0; i < 8; i++) s.v[i] = half_to_float(p + i * BYTES);
    return s;
  }
  static scales<8> floats(const float *p) {
    scales<8> s;
    std::memcpy(s.v, p, sizeof(s.v));
    return s;
  }
  static scales<8> bytes(uint64_t eight, float d) {
    scales<8> s;
    for (int i = 0; i < 8; i++) s.v[i] = d * static_cast<float>((eight >> (8 * i)) & 255);
    return s;
  }
  static scales<16> signed_bytes(const uint8_t *p, float d) {
    scales<16> s;
    for (int i = 0; i < 16; i++) s.v[i] = d * static_cast<float>(static_cast<int8_t>(p[i]));
    return s;
  }
  template <int N>
  static void times(const scales<N> &s, const float *x, products<N> *out) {
    for (int i = 0; i < N; i++) out->v[i] = s.v[i] * x[i * 8 / N];
  }
  // acc - mins * x
  static float less(float acc, const scales<8> &mins, const float *x) {
    for (int i = 0; i < 8; i++) acc -= mins.v[i] * x[i];
    return acc;
  }
  template <int N>
  static void store(float *p, const scales<N> &s) {
    std::memcpy(p, s.v, sizeof(s.v));
  }

  // --- a block of a row with a token's ---

  static codes load(const int8_t *p) {
    codes v;
    for (int i = 0; i < 32; i++) v.c[i] = p[i];
    return v;
  }
  // nothing: codes are signed
  template <int BITS, int OFFSET>
  static i32 excess(const codes &) {
    return 0;
  }
  template <int BITS, int N>
  static float meet(float acc, const codes &w, const codes &x, i32, const products<N> &p, int j) {
    constexpr int length = 256 / N;
    for (int part = 0; part < 32 / length; part++) {
      i32 sum = 0;
      for (int i = part * length; i < (part + 1) * length; i++) sum += w.c[i] * x.c[i];
      acc += static_cast<float>(sum) * p.v[j * (N / 8) + part];
    }
    return acc;
  }

  // --- tiles: one row, groups of four codes ---

  // blocks of 32 that are unpacked together, and how many vectors of groups they are
  static constexpr int PACK_BLOCKS = 1, PACK_VECTORS = 8;
  template <typename Format>
  static void unpack(const uint8_t *row, int64_t block, int64_t, float *groups) {
    const codes v = Format::codes(row, block);
    for (int g = 0; g < 8; g++) {
      four bytes;
      for (int i = 0; i < 4; i++) bytes.c[i] = static_cast<int8_t>(v.c[4 * g + i]);
      std::memcpy(groups + g, &bytes, 4);
    }
  }
  static four panel(const uint8_t *p) { return four_at(p); }
  static four group(const int8_t *p) { return four_at(p); }
  template <int BITS, int OFFSET>
  static i32 start(int32_t) {
    return 0;
  }
  template <int BITS>
  static i32 step(i32 acc, four w, four x) {
    return acc + w.c[0] * x.c[0] + w.c[1] * x.c[1] + w.c[2] * x.c[2] + w.c[3] * x.c[3];
  }
  template <int BITS>
  static float finish(i32 acc) {
    return static_cast<float>(acc);
  }

  // --- activations ---

  // 32 activations to codes; the sums are needed where weights are unsigned only
  static void round32(const float *x, float inverse, int8_t *out, int32_t *sums) {
    int low = 0, high = 0, first_low = 0, first_high = 0;
    for (int i = 0; i < 32; i++) {
      const float scaled = std::nearbyint(x[i] * inverse);
      // not a NaN: it has no integer
      out[i] = static_cast<int8_t>(scaled >= -127.f ? (scaled <= 127.f ? scaled : 127.f) : (scaled < 0 ? -127.f : 0.f));
      (i % 4 < 2 ? low : high) += out[i];
      if (i < 16) (i % 4 < 2 ? first_low : first_high) += out[i];
    }
    sums[0] = pair(low, high);
    sums[1] = pair(first_low, first_high);
  }

  // one vector is a row and a column
  static void transpose(float (&)[1]) {}

 private:
  static four four_at(const void *p) {
    four v;
    std::memcpy(&v, p, 4);
    return v;
  }
  static int32_t pair(int low, int high) {
    return static_cast<int32_t>((static_cast<uint32_t>(high) << 16) | (static_cast<uint32_t>(low) & 0xffff));
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
