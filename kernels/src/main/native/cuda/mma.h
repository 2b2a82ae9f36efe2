// Products of small matrices by a warp: tensor cores on a card (mma of the PTX ISA), here on a processor what is
// known of them. c += a · b, where every lane has a part of each. With g = lane / 4, t = lane % 4 and words of two
// numbers of 16 bits or four signed bytes:
//
//   a, 16 rows of eight words:     words t of rows g and g + 8, words t + 4 of rows g and g + 8
//   b, 8 columns of eight words:   words t and t + 4 of column g
//   c, 16 rows of 8 numbers:       numbers 2 t and 2 t + 1 of row g, the same of row g + 8
//
// All lanes of a warp call them together.
#pragma once

#include "portable.h"

namespace longform::card {

#ifdef __CUDACC__

#define LONGFORM_MMA(name, shape, Number, letter)                                                                \
  CARD void name(Number (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {                               \
    asm volatile("mma.sync.aligned." shape                                                                       \
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                              \
                 : "+" letter(c[0]), "+" letter(c[1]), "+" letter(c[2]), "+" letter(c[3])                        \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                            \
  }

LONGFORM_MMA(multiply_f16, "m16n8k16.row.col.f32.f16.f16.f32", float, "f")
LONGFORM_MMA(multiply_bf16, "m16n8k16.row.col.f32.bf16.bf16.f32", float, "f")
LONGFORM_MMA(multiply_s8, "m16n8k32.row.col.s32.s8.s8.s32", int, "r")

#undef LONGFORM_MMA

// Rows and columns of four words: word t of row g, of row g + 8, and of column g.
CARD void multiply_s8_half(int (&c)[4], uint32_t low, uint32_t high, uint32_t b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(low), "r"(high), "r"(b));
}

#else

CARD double power_of_two(int64_t exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Eight products and the sum so far are brought to the exponent of the largest, cut there and added, and what comes
// out is cut to float32: nothing is rounded to nearest. So the tensor cores that were looked into do
// (Fasi, Higham, Mikaitis and Pranesh, 2021), with at least as many bits; NVIDIA promises less.
CARD float add_cut(float sum, const double (&products)[8]) {
  double whole = sum, largest = fabs(static_cast<double>(sum));
  for (double product : products) {
    whole += product;
    largest = fmax(largest, fabs(product));
  }
  if (!isfinite(whole) || largest == 0) return static_cast<float>(whole);
  // neither these products nor sums are subnormal float64 numbers
  uint64_t bits;
  memcpy(&bits, &largest, sizeof bits);
  const int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  const double unit = power_of_two(exponent - 24), per_unit = power_of_two(24 - exponent);
  int64_t added = static_cast<int64_t>(sum * per_unit);
  for (double product : products) added += static_cast<int64_t>(product * per_unit);
  const double exact = static_cast<double>(added) * unit;
  const float nearest = static_cast<float>(exact);
  return isfinite(nearest) && fabs(static_cast<double>(nearest)) > fabs(exact) ? nextafterf(nearest, 0.f) : nearest;
}

CARD uint32_t word_of_row(int row, int word) {
  return emulation::shown(row % 8 * 4 + word % 4).of[row / 8 + word / 4 * 2];
}
CARD uint32_t word_of_column(int column, int word) {
  return emulation::shown(column * 4 + word % 4).of[4 + word / 4];
}

template <typename ToFloat>
CARD void multiply_halves(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], ToFloat to_float) {
  emulation::show({{a[0], a[1], a[2], a[3], b[0], b[1]}});
  const int lane = thread_of_block() % kWarp;
  for (int i = 0; i < 4; i++) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int word = 0; word < 8; word += 4) {
      double products[8];
      for (int k = 0; k < 8; k++) {
        const int shift = k % 2 * 16;
        const float x = to_float(static_cast<uint16_t>(word_of_row(row, word + k / 2) >> shift));
        const float w = to_float(static_cast<uint16_t>(word_of_column(column, word + k / 2) >> shift));
        products[k] = static_cast<double>(x) * static_cast<double>(w);
      }
      c[i] = add_cut(c[i], products);
    }
  }
}

CARD void multiply_f16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  multiply_halves(c, a, b, half_to_float);
}

CARD void multiply_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  multiply_halves(c, a, b, [](uint16_t bits) { return bits_to_float(static_cast<uint32_t>(bits) << 16); });
}

CARD void multiply_s8(int (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulation::show({{a[0], a[1], a[2], a[3], b[0], b[1]}});
  const int lane = thread_of_block() % kWarp;
  for (int i = 0; i < 4; i++) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int word = 0; word < 8; word++) c[i] = dot4(word_of_row(row, word), word_of_column(column, word), c[i]);
  }
}

// Rows and columns of four words: word t of row g, of row g + 8, and of column g.
CARD void multiply_s8_half(int (&c)[4], uint32_t low, uint32_t high, uint32_t b) {
  multiply_s8(c, {low, high, 0, 0}, {b, 0});
}

#endif

// A float32 number as two of float16, x = first + second / kSecondPiece to 2^-22 of x. The second one is made larger so
// that it is seldom subnormal.
constexpr float kSecondPiece = 2048;

struct TwoHalves {
  uint16_t first, second;
};

// x: within the range of float16.
CARD TwoHalves two_halves(float x, float second_piece = kSecondPiece) {
  const uint16_t first = float_to_half(x);
  return {first, float_to_half((x - half_to_float(first)) * second_piece)};
}

// A power of two that makes the largest of some numbers 2^14 to 2^15, and its inverse.
struct HalfScale {
  float to, back;
};
CARD HalfScale half_scale(float largest) {
  // both are to be ordinary numbers
  const uint32_t exponent = float_to_bits(largest) >> 23, bounded = exponent < 17 ? 17 : exponent;
  return {bits_to_float((268 - bounded) << 23), bits_to_float((bounded - 14) << 23)};
}

// A lane's part of 16 rows, or 8 columns, that lie `pitch` words apart.
CARD void load_rows_of_warp(const uint32_t *rows, int pitch, uint32_t (&a)[4]) {
  const uint32_t *from = rows + thread_of_block() % kWarp / 4 * pitch + thread_of_block() % 4;
  a[0] = from[0];
  a[1] = from[8 * pitch];
  a[2] = from[4];
  a[3] = from[8 * pitch + 4];
}
CARD void load_columns_of_warp(const uint32_t *columns, int pitch, uint32_t (&b)[2]) {
  const uint32_t *from = columns + thread_of_block() % kWarp / 4 * pitch + thread_of_block() % 4;
  b[0] = from[0];
  b[1] = from[4];
}

// Eight of a row's numbers, zero beyond its end. Rows begin at even addresses.
CARD FourWords eight_halves(const uint8_t *row, int64_t at, int64_t inner) {
  const uint16_t *from = reinterpret_cast<const uint16_t *>(row) + at;
  if (at + 8 <= inner && (reinterpret_cast<uintptr_t>(from) & 15) == 0) {
    return *reinterpret_cast<const FourWords *>(from);
  }
  uint32_t words[4] = {};
#pragma unroll
  for (int i = 0; i < 8; i++) {
    if (at + i < inner) words[i / 2] |= static_cast<uint32_t>(from[i]) << (i % 2 * 16);
  }
  return {words[0], words[1], words[2], words[3]};
}

// Four signed bytes as float16 numbers.
CARD void halves_of_bytes(uint32_t bytes, uint32_t (&halves)[2]) {
  // beside 1024 the last bit of a float16 number is worth 1
  const uint32_t raised = bytes ^ 0x80808080u;
  halves[0] = subtract_halves((raised & 0xffu) | (raised & 0xff00u) << 8 | 0x64006400u, 0x64806480u);
  halves[1] = subtract_halves((raised >> 16 & 0xffu) | (raised >> 24) << 16 | 0x64006400u, 0x64806480u);
}

}  // namespace longform::card
