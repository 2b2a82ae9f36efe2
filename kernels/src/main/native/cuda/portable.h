// One source for two machines: nvcc makes kernels for a card of it, g++ functions that the emulation
// calls on a processor. What differs between them is here and nowhere else.
//
// Every block has kThreads threads, four warps. Shared memory is what the launch asked for.
#pragma once

#include <math.h>
#include <stdint.h>

#include "sizes.h"

#ifdef __CUDACC__

#define CARD __device__ __forceinline__
#define CARD_KERNEL(name, Args) \
  extern "C" __global__ void __launch_bounds__(128) name(const __grid_constant__ Args args)
// The same, of so few registers that a multiprocessor has room for some blocks at once.
#define CARD_KERNEL_BESIDE(name, Args, blocks) \
  extern "C" __global__ void __launch_bounds__(128, blocks) name(const __grid_constant__ Args args)

namespace longform::card {

struct alignas(16) Four {
  float x, y, z, w;
};

CARD int thread_of_block() { return static_cast<int>(threadIdx.x); }
CARD int64_t block_x() { return blockIdx.x; }
CARD int64_t block_y() { return blockIdx.y; }
CARD int64_t block_z() { return blockIdx.z; }
CARD int64_t blocks_x() { return gridDim.x; }

CARD unsigned char *shared_memory() {
  extern __shared__ __align__(16) unsigned char block[];
  return block;
}

// Every thread of the block waits for the others.
CARD void block_barrier() { __syncthreads(); }
// The same of a warp's lanes, before what they do together.
CARD void warp_barrier() { __syncwarp(); }
// Whether any thread of the block says so; a barrier, too.
CARD bool block_any(bool said) { return __syncthreads_or(said) != 0; }
// Whether any lane of the warp says so; they wait for each other.
CARD bool warp_any(bool said) { return __any_sync(0xffffffffu, said) != 0; }
// What the lane whose number differs by `mask` has. All lanes of a warp call it.
CARD float from_lane(float value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
CARD int from_lane(int value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
CARD uint32_t from_lane(uint32_t value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
CARD double from_lane(double value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
CARD uint64_t from_lane(uint64_t value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
// What a lane of the warp has, by its number. All lanes call it.
CARD float of_lane(float value, int lane) { return __shfl_sync(0xffffffffu, value, lane); }

// Changes a word of the card's memory that other threads of any block change, too; answers what it was.
CARD uint32_t atomic_add(uint32_t *word, uint32_t more) { return atomicAdd(word, more); }
CARD void atomic_max(uint32_t *word, uint32_t value) { atomicMax(word, value); }
CARD void atomic_or(uint32_t *word, uint32_t bits) { atomicOr(word, bits); }

CARD int bits_set(uint32_t word) { return __popc(word); }

// sum + the four products of signed bytes
CARD int dot4(uint32_t a, uint32_t b, int sum) { return __dp4a(static_cast<int>(a), static_cast<int>(b), sum); }

CARD float half_to_float(uint16_t bits) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(bits));
  return wide;
}

// Nearest float16, ties to even, of a number that is not too large for one.
CARD uint16_t float_to_half(float value) {
  uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

// Of each of two float16 numbers that are sums of such without rounding.
CARD uint32_t subtract_halves(uint32_t a, uint32_t b) {
  uint32_t difference;
  asm("sub.f16x2 %0, %1, %2;" : "=r"(difference) : "r"(a), "r"(b));
  return difference;
}

// Of each of two pairs of float16 numbers the larger one without its sign; no number if either is none.
CARD uint32_t larger_halves(uint32_t a, uint32_t b) {
  uint32_t larger;
  asm("{ .reg .b32 x, y; abs.f16x2 x, %1; abs.f16x2 y, %2; max.NaN.f16x2 %0, x, y; }" : "=r"(larger) : "r"(a), "r"(b));
  return larger;
}

CARD float bits_to_float(uint32_t bits) { return __uint_as_float(bits); }
CARD uint32_t float_to_bits(float value) { return __float_as_uint(value); }
CARD void sine_and_cosine(double angle, double *sine, double *cosine) { sincos(angle, sine, cosine); }

}  // namespace longform::card

#else

#include <string.h>

#include "../kv_rows.h"
#include "emulation.h"

#define CARD inline
#define CARD_KERNEL(name, Args) void name(const Args &args)
#define CARD_KERNEL_BESIDE(name, Args, blocks) void name(const Args &args)

namespace longform::card {

struct alignas(16) Four {
  float x, y, z, w;
};

CARD int thread_of_block() { return emulation::here.thread; }
CARD int64_t block_x() { return emulation::here.block[0]; }
CARD int64_t block_y() { return emulation::here.block[1]; }
CARD int64_t block_z() { return emulation::here.block[2]; }
CARD int64_t blocks_x() { return emulation::here.blocks[0]; }
CARD unsigned char *shared_memory() { return emulation::here.shared; }

CARD void block_barrier() { emulation::wait_for_block(); }
// what lanes do together waits for all of them here
CARD void warp_barrier() {}
CARD bool block_any(bool said) { return emulation::any_of_block(said); }
CARD bool warp_any(bool said) { return emulation::any_of_warp(said); }

template <typename Value>
CARD Value from_lane(Value value, int mask) {
  uint64_t word = 0;
  memcpy(&word, &value, sizeof(value));
  word = emulation::word_of_lane(word, mask);
  memcpy(&value, &word, sizeof(value));
  return value;
}

CARD float of_lane(float value, int lane) { return from_lane(value, thread_of_block() % kWarp ^ lane); }

// one thread runs at a time, up to where it waits
CARD uint32_t atomic_add(uint32_t *word, uint32_t more) {
  const uint32_t before = *word;
  *word = before + more;
  return before;
}
CARD void atomic_max(uint32_t *word, uint32_t value) { *word = *word > value ? *word : value; }
CARD void atomic_or(uint32_t *word, uint32_t bits) { *word |= bits; }

CARD int bits_set(uint32_t word) { return __builtin_popcount(word); }

CARD int dot4(uint32_t a, uint32_t b, int sum) {
  for (int shift = 0; shift < 32; shift += 8) {
    sum += static_cast<int8_t>(a >> shift) * static_cast<int8_t>(b >> shift);
  }
  return sum;
}

CARD float bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
CARD uint32_t float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

CARD float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31) return bits_to_float(sign | 0x7f800000 | fraction << 13);
  if (exponent != 0) return bits_to_float(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 5.9604644775390625e-8f;  // 2^-24
  return sign != 0 ? -small : small;
}

CARD uint16_t float_to_half(float value) { return kv::to_finite_half(value); }

CARD uint32_t subtract_halves(uint32_t a, uint32_t b) {
  uint32_t difference = 0;
  for (int shift = 0; shift < 32; shift += 16) {
    const uint16_t x = static_cast<uint16_t>(a >> shift), y = static_cast<uint16_t>(b >> shift);
    difference |= static_cast<uint32_t>(float_to_half(half_to_float(x) - half_to_float(y))) << shift;
  }
  return difference;
}

// what is no number has the largest bits
CARD uint32_t larger_halves(uint32_t a, uint32_t b) {
  uint32_t larger = 0;
  for (int shift = 0; shift < 32; shift += 16) {
    const uint32_t x = a >> shift & 0x7fff, y = b >> shift & 0x7fff;
    larger |= (x > y ? x : y) << shift;
  }
  return larger;
}

CARD void sine_and_cosine(double angle, double *sine, double *cosine) {
  *sine = sin(angle);
  *cosine = cos(angle);
}

}  // namespace longform::card

#endif

namespace longform::card {

// What one load or store moves at most.
struct alignas(16) FourWords {
  uint32_t x, y, z, w;
};

// The sum over a warp, the same bits in every lane.
template <typename Value>
CARD Value warp_sum(Value value) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) value += from_lane(value, mask);
  return value;
}

CARD float warp_max(float value) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) value = fmaxf(value, from_lane(value, mask));
  return value;
}

CARD int warp_max(int value) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    const int other = from_lane(value, mask);
    value = value > other ? value : other;
  }
  return value;
}

CARD int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

}  // namespace longform::card
