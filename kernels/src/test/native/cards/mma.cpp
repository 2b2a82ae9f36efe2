// The products of mma.h on a card against loops in float64. Which lane has which element is written here as the PTX
// ISA has it ("Matrix Fragments for mma.m16n8k16" and "m16n8k32"), element by element.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cuda/card.h"

namespace {

using longform::card::Card;
using longform::card::FragmentArgs;
using longform::card::Grid;
using longform::card::Kernel;
using longform::card::LoadsArgs;
using longform::test::end;
using longform::test::expect;

std::mt19937 draws(3);

// Fragments of one shape: bytes of an element, k, elements of a and b that a lane has, and where they are from.
struct Shape {
  const char *name;
  Kernel kernel;
  int bytes, k, of_a, of_b;

  bool whole() const { return bytes == 1; }

  int row_of_a(int lane, int i) const {
    const int group = lane / 4;
    if (bytes == 2) return i < 2 || (4 <= i && i < 6) ? group : group + 8;
    if (k == 16) return i < 4 ? group : group + 8;
    return i < 4 || (8 <= i && i < 12) ? group : group + 8;
  }
  int column_of_a(int lane, int i) const {
    const int in_group = lane % 4;
    if (bytes == 2) return i < 4 ? in_group * 2 + (i & 1) : in_group * 2 + (i & 1) + 8;
    return i < 8 ? in_group * 4 + (i & 3) : in_group * 4 + (i & 3) + 16;
  }
  int row_of_b(int lane, int i) const {
    const int in_group = lane % 4;
    if (bytes == 2) return i < 2 ? in_group * 2 + (i & 1) : in_group * 2 + (i & 1) + 8;
    return i < 4 ? in_group * 4 + (i & 3) : in_group * 4 + (i & 3) + 16;
  }

  // what the bits of an element are
  double value(int bits) const {
    if (bytes == 1) return static_cast<int8_t>(bits);
    if (kernel == Kernel::mma_bf16) {
      const uint32_t wide = static_cast<uint32_t>(bits) << 16;
      float f;
      std::memcpy(&f, &wide, 4);
      return f;
    }
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -size : size;
  }
  // of about one, now and then subnormal
  int draw() const {
    if (bytes == 1) return static_cast<int>(draws() & 255);
    const int sign = static_cast<int>(draws() & 1) << 15;
    const int fraction = static_cast<int>(draws() & 1023), exponent = static_cast<int>(draws() % 7);
    if (kernel == Kernel::mma_bf16) return sign | (124 + exponent) << 7 | (fraction & 127);
    return sign | (draws() % 40 == 0 ? 0 : 12 + exponent) << 10 | fraction;
  }
};

const Shape kShapes[] = {
    {"m16n8k16 f16", Kernel::mma_f16, 2, 16, 8, 4},
    {"m16n8k16 bf16", Kernel::mma_bf16, 2, 16, 8, 4},
    {"m16n8k32 s8", Kernel::mma_s8, 1, 32, 16, 8},
    {"m16n8k16 s8", Kernel::mma_s8_half, 1, 16, 8, 4},
};

// An element of those that lie one after the other from `words` on.
void put(std::vector<uint32_t> &words, size_t first_word, int bytes, int i, int bits) {
  words[first_word + static_cast<size_t>(i * bytes / 4)] |= static_cast<uint32_t>(bits) << (i * bytes % 4 * 8);
}

void check(Card &card, const Shape &shape) {
  constexpr int kWarps = 22; // not whole blocks
  const size_t k = static_cast<size_t>(shape.k);
  std::vector<std::vector<int>> as, bs;
  std::vector<std::vector<double>> cs;
  std::vector<uint32_t> a(kWarps * 32 * 4), b(kWarps * 32 * 2), c(kWarps * 32 * 4);
  for (int warp = 0; warp < kWarps; warp++) {
    std::vector<int> left(16 * k), right(k * 8);
    std::vector<double> sums(16 * 8);
    for (int &bits : left) bits = shape.draw();
    for (int &bits : right) bits = shape.draw();
    for (double &sum : sums) sum = static_cast<int>(draws() % 2001) - 1000;
    for (int lane = 0; lane < 32; lane++) {
      const size_t at = static_cast<size_t>(warp * 32 + lane);
      for (int i = 0; i < shape.of_a; i++) {
        const size_t row = static_cast<size_t>(shape.row_of_a(lane, i));
        put(a, at * 4, shape.bytes, i, left[row * k + static_cast<size_t>(shape.column_of_a(lane, i))]);
      }
      for (int i = 0; i < shape.of_b; i++) {
        put(b, at * 2, shape.bytes, i, right[static_cast<size_t>(shape.row_of_b(lane, i) * 8 + lane / 4)]);
      }
      for (int i = 0; i < 4; i++) {
        const int row = i < 2 ? lane / 4 : lane / 4 + 8, column = lane % 4 * 2 + (i & 1);
        const double sum = sums[static_cast<size_t>(row * 8 + column)];
        const int number = static_cast<int>(sum);
        const float real = static_cast<float>(sum);
        const void *bits = shape.whole() ? static_cast<const void *>(&number) : &real;
        std::memcpy(&c[at * 4 + static_cast<size_t>(i)], bits, 4);
      }
    }
    as.push_back(left);
    bs.push_back(right);
    cs.push_back(sums);
  }
  const auto up = [&](const std::vector<uint32_t> &words) {
    void *memory = card.scratch(static_cast<int64_t>(words.size() * 4));
    card.upload(memory, words.data(), static_cast<int64_t>(words.size() * 4));
    return static_cast<uint32_t *>(memory);
  };
  const FragmentArgs args = {up(a), up(b), up(c), kWarps};
  Grid grid;
  grid.x = (kWarps + 3) / 4;
  card.launch(shape.kernel, grid, &args);
  card.download(c.data(), args.c, static_cast<int64_t>(c.size() * 4));
  card.end();
  for (int warp = 0; warp < kWarps; warp++) {
    const size_t w = static_cast<size_t>(warp);
    for (int lane = 0; lane < 32; lane++) {
      for (int i = 0; i < 4; i++) {
        const int row = i < 2 ? lane / 4 : lane / 4 + 8, column = lane % 4 * 2 + (i & 1);
        double sum = cs[w][static_cast<size_t>(row * 8 + column)], size = std::fabs(sum);
        for (int depth = 0; depth < shape.k; depth++) {
          const double product = shape.value(as[w][static_cast<size_t>(row * shape.k + depth)]) *
                                 shape.value(bs[w][static_cast<size_t>(depth * 8 + column)]);
          sum += product;
          size += std::fabs(product);
        }
        const uint32_t bits = c[static_cast<size_t>((warp * 32 + lane) * 4 + i)];
        int number;
        float real;
        std::memcpy(&number, &bits, 4);
        std::memcpy(&real, &bits, 4);
        const double found = shape.whole() ? number : static_cast<double>(real);
        // sums of halves are cut, a few times, at about 2^-24 of the largest
        expect(std::fabs(found - sum) <= (shape.whole() ? 0 : 1e-6 * size),
               std::string(shape.name) + ": lane " + std::to_string(lane) + " has " + std::to_string(found) + " of row " +
                   std::to_string(row) + ", column " + std::to_string(column) + ", expected " + std::to_string(sum));
      }
    }
  }
}

// The same loads as "ldmatrix" of the PTX ISA tells them, number by number.
void check_loads(Card &card, int64_t pitch) {
  std::vector<uint32_t> matrix(static_cast<size_t>(16 * pitch)), loaded(32 * 8);
  for (uint32_t &word : matrix) word = static_cast<uint32_t>(draws());
  uint32_t *from = static_cast<uint32_t *>(card.scratch(static_cast<int64_t>(matrix.size() * 4)));
  uint32_t *to = static_cast<uint32_t *>(card.scratch(static_cast<int64_t>(loaded.size() * 4)));
  card.upload(from, matrix.data(), static_cast<int64_t>(matrix.size() * 4));
  const LoadsArgs args = {from, to, pitch};
  Grid grid;
  grid.shared_bytes = 16 * pitch * 4;
  card.launch(Kernel::mma_loads, grid, &args);
  card.download(loaded.data(), to, static_cast<int64_t>(loaded.size() * 4));
  card.end();
  // number c of a row
  const auto half = [&](int row, int c) {
    return matrix[static_cast<size_t>(row * pitch + c / 2)] >> c % 2 * 16 & 0xffff;
  };
  for (int lane = 0; lane < 32; lane++) {
    const int group = lane / 4, two = lane % 4 * 2;
    for (int i = 0; i < 8; i++) {
      // numbers of a word follow each other in a row, or lie one below the other
      const bool below = i >= 6;
      const int row = i < 4 ? group + i % 2 * 8 : below ? two + (i - 6) * 8 : group;
      const int column = i < 4 ? two + i / 2 * 8 : below ? group : two + (i - 4) * 8;
      const uint32_t wanted = half(row, column) | (below ? half(row + 1, column) : half(row, column + 1)) << 16;
      expect(loaded[static_cast<size_t>(8 * lane + i)] == wanted,
             "lane " + std::to_string(lane) + " has another word " + std::to_string(i));
    }
  }
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot test products of warps: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  const std::unique_ptr<Card> card = longform::card::open_card(0);
  for (const Shape &shape : kShapes) {
    // three orders of lanes in the emulation
    for (int round = 0; round < 3; round++) check(*card, shape);
  }
  for (int64_t pitch : {8, 12, 20, 68}) {
    for (int round = 0; round < 3; round++) check_loads(*card, pitch);
  }
  return end("mma");
}
