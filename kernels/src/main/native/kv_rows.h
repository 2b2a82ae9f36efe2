// How keys and values are stored: one source for processors and cards, bit for bit what KvDType.java writes.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

#ifdef __CUDACC__
#define LONGFORM_EVERYWHERE __host__ __device__ inline
#else
#define LONGFORM_EVERYWHERE inline
#endif

namespace longform::kv {

// Signed bytes that share a scale.
constexpr int64_t kChunk = 32;

LONGFORM_EVERYWHERE uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

LONGFORM_EVERYWHERE float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Nearest float16, ties to even; what is too large becomes the largest finite one, NaN stays NaN.
LONGFORM_EVERYWHERE uint16_t to_finite_half(float value) {
  const uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x477fe000u) {
    half = 0x7bffu;
  } else if (magnitude < 0x38800000u) {
    // next to 0.5 the last bit is worth 2^-24, the step of subnormals
    half = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

// Of a finite float16 or a NaN that is not negative.
LONGFORM_EVERYWHERE float float_of_scale(uint16_t half) {
  const uint32_t exponent = half >> 10 & 31u, fraction = half & 1023u;
  if (exponent == 31) return float_of(0x7f800000u | fraction << 13);
  if (exponent != 0) return float_of((exponent + 112) << 23 | fraction << 13);
  return static_cast<float>(fraction) * 5.9604644775390625e-8f;  // 2^-24
}

// The nearest whole number from -127 to 127, ties to even; 0 for NaN.
LONGFORM_EVERYWHERE int8_t level(float scaled) {
  if (scaled != scaled) return 0;
  // beside 1.5 * 2^23 the last bit of a float is worth 1: the addition rounds
  const float limited = fmaxf(-127.f, fminf(127.f, scaled));
  return static_cast<int8_t>(bits_of(limited + 12582912.f) - 0x4b400000u);
}

// Elements from `begin` on, of one scale, of a key or value of one head: bytes, and behind all of them the scales.
LONGFORM_EVERYWHERE void store_chunk_of_bytes(const float *from, int64_t head_dim, int64_t begin, char *to) {
  const int64_t end = begin + kChunk < head_dim ? begin + kChunk : head_dim;
  // bits of magnitudes are in the order of the magnitudes, NaN above all
  uint32_t largest = 0;
  for (int64_t i = begin; i < end; i++) {
    const uint32_t magnitude = bits_of(from[i]) & 0x7fffffffu;
    largest = largest > magnitude ? largest : magnitude;
  }
  const uint16_t stored = to_finite_half(float_of(largest) / 127);
  memcpy(to + head_dim + begin / kChunk * 2, &stored, sizeof stored);
  // with the scale as it is stored, so that its own rounding costs nothing
  const float scale = float_of_scale(stored), inverse = scale == 0 ? 0 : 1 / scale;
  for (int64_t i = begin; i < end; i++) to[i] = static_cast<char>(level(from[i] * inverse));
}

// A key or value of one head.
LONGFORM_EVERYWHERE void store_row(int64_t dtype, const float *from, int64_t head_dim, char *to) {
  switch (dtype) {
    case KERNELS_KV_F32: memcpy(to, from, static_cast<size_t>(head_dim) * sizeof(float)); break;
    case KERNELS_KV_F16:
      for (int64_t i = 0; i < head_dim; i++) reinterpret_cast<uint16_t *>(to)[i] = to_finite_half(from[i]);
      break;
    default:
      for (int64_t begin = 0; begin < head_dim; begin += kChunk) store_chunk_of_bytes(from, head_dim, begin, to);
      break;
  }
}

}  // namespace longform::kv
