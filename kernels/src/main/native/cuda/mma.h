// Products of small matrices by a warp: tensor cores on a card (mma of the PTX ISA), here on a processor what is
// known of them. c += a · b, where every lane has a part of each. With g = lane / 4, t = lane % 4 and words of two
// numbers of 16 bits or four signed bytes:
//
//   a, 16 rows of eight words:     words t of rows g and g + 8, words t + 4 of rows g and g + 8
//   b, 8 columns of eight words:   words t and t + 4 of column g
//   c, 16 rows of 8 numbers:       numbers 2 t and 2 t + 1 of row g, the same of row g + 8
//
// load_*_of_warp bring them from shared memory: rows, or columns, of eight words that lie `pitch` words apart; and columns
// of numbers of 16 bits of which two that follow each other lie in two rows, one below the other (16 rows of four words).
// Each begins at a multiple of 16 bytes.
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

CARD uint32_t shared_address(const uint32_t *words) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(words));
}

// A lane says where a row of four words begins, and gets words that others' rows have (ldmatrix of the PTX ISA).
CARD void load_rows_of_warp(const uint32_t *rows, int pitch, uint32_t (&a)[4]) {
  const int lane = thread_of_block() % kWarp;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
               : "r"(shared_address(rows + lane % 16 * pitch + lane / 16 * 4)));
}
CARD void load_columns_of_warp(const uint32_t *columns, int pitch, uint32_t (&b)[2]) {
  const int lane = thread_of_block() % kWarp;
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(b[0]), "=r"(b[1])
               : "r"(shared_address(columns + lane % 8 * pitch + lane / 8 % 2 * 4)));
}
CARD void load_below_of_warp(const uint32_t *rows, int pitch, uint32_t (&b)[2]) {
  const int lane = thread_of_block() % kWarp;
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(b[0]), "=r"(b[1])
               : "r"(shared_address(rows + lane % 16 * pitch)));
}

#else

template <typename ToFloat>
CARD void multiply_halves(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], ToFloat to_float) {
  emulation::Fragment mine = {};
  for (int i = 0; i < 8; i++) mine.numbers_a[i] = to_float(static_cast<uint16_t>(a[i / 2] >> i % 2 * 16));
  for (int i = 0; i < 4; i++) mine.numbers_b[i] = to_float(static_cast<uint16_t>(b[i / 2] >> i % 2 * 16));
  emulation::add_products(emulation::show(mine), thread_of_block() % kWarp, c);
}

CARD void multiply_f16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  multiply_halves(c, a, b, half_to_float);
}

CARD void multiply_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  multiply_halves(c, a, b, [](uint16_t bits) { return bits_to_float(static_cast<uint32_t>(bits) << 16); });
}

CARD void multiply_s8(int (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const emulation::Fragment mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {}, {}};
  emulation::add_products(emulation::show(mine), thread_of_block() % kWarp, c);
}

// Rows and columns of four words: word t of row g, of row g + 8, and of column g.
CARD void multiply_s8_half(int (&c)[4], uint32_t low, uint32_t high, uint32_t b) {
  multiply_s8(c, {low, high, 0, 0}, {b, 0});
}

// Lanes take what they want themselves; the rows must be such that a card's could.
CARD void load_rows_of_warp(const uint32_t *rows, int pitch, uint32_t (&a)[4]) {
  emulation::require_matrix(rows, pitch);
  const uint32_t *from = rows + thread_of_block() % kWarp / 4 * pitch + thread_of_block() % 4;
  a[0] = from[0];
  a[1] = from[8 * pitch];
  a[2] = from[4];
  a[3] = from[8 * pitch + 4];
}
CARD void load_columns_of_warp(const uint32_t *columns, int pitch, uint32_t (&b)[2]) {
  emulation::require_matrix(columns, pitch);
  const uint32_t *from = columns + thread_of_block() % kWarp / 4 * pitch + thread_of_block() % 4;
  b[0] = from[0];
  b[1] = from[4];
}
CARD void load_below_of_warp(const uint32_t *rows, int pitch, uint32_t (&b)[2]) {
  emulation::require_matrix(rows, pitch);
  const uint16_t *from =
      reinterpret_cast<const uint16_t *>(rows + thread_of_block() % 4 * 2 * pitch) + thread_of_block() % kWarp / 4;
  b[0] = from[0] | static_cast<uint32_t>(from[2 * pitch]) << 16;
  b[1] = from[16 * pitch] | static_cast<uint32_t>(from[18 * pitch]) << 16;
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
