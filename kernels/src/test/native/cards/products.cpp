// Products of many tokens by the card's library and by tensor cores against the same products by ordinary units, which
// matmul_test compares with loops in float64: of weights with codes the same bits, of weights of 16 bits no further
// from a float64 loop.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cpu/formats.h"
#include "cuda/card_device.h"
#include "cuda/sizes.h"
#include "watched_card.h"

namespace {

using longform::card::CardDevice;
using longform::card::Units;
using longform::test::end;
using longform::test::expect;
using longform::test::WatchedCard;

std::mt19937 draws(23);
float uniform() { return std::uniform_real_distribution<float>(-1, 1)(draws); }

struct DType {
  int64_t id;
  const char *name;
  int64_t block;
  std::vector<int> halves; // offsets of float16 numbers in a block

  bool quantised() const { return block > 1; }
};

const DType kDTypes[] = {
    {KERNELS_F16, "F16", 1, {0}},         {KERNELS_BF16, "BF16", 1, {}},       {KERNELS_Q8_0, "Q8_0", 32, {0}},
    {KERNELS_Q4_0, "Q4_0", 32, {0}},      {KERNELS_Q5_0, "Q5_0", 32, {0}},     {KERNELS_Q4_K, "Q4_K", 256, {0, 2}},
    {KERNELS_Q5_K, "Q5_K", 256, {0, 2}},  {KERNELS_Q6_K, "Q6_K", 256, {208}},
};

// Rows begin at even addresses, as the card has them.
std::vector<uint8_t> weights(const DType &dtype, int64_t outer, int64_t inner, bool positive) {
  const int64_t blocks = outer * inner / dtype.block, bytes = longform::stored_bytes(dtype.id, dtype.block);
  std::vector<uint8_t> all(static_cast<size_t>(blocks * bytes));
  for (uint8_t &byte : all) byte = static_cast<uint8_t>(draws());
  const uint8_t sign = positive ? 0 : 0x80;
  for (int64_t b = 0; b < blocks; b++) {
    uint8_t *p = all.data() + b * bytes;
    // 2^-8 to 2^-5, any fraction
    for (int offset : dtype.halves) {
      p[offset + 1] = static_cast<uint8_t>((draws() & (sign | 3u)) | (7 + draws() % 4) << 2);
    }
    if (dtype.id == KERNELS_BF16) p[1] = static_cast<uint8_t>((draws() & sign) | 0x3c | (draws() & 3));
  }
  return all;
}

// of float16 or bfloat16
double value_at(const DType &dtype, const uint8_t *p) {
  const int bits = p[0] | p[1] << 8;
  if (dtype.id == KERNELS_BF16) {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float f;
    std::memcpy(&f, &wide, 4);
    return f;
  }
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -size : size;
}

struct Cards {
  WatchedCard *watched = new WatchedCard();
  const bool has_library = longform::test::library_is_here();
  CardDevice library{std::unique_ptr<longform::card::Card>(watched), Units::kLibrary};
  CardDevice cores{longform::card::open_card(0), Units::kTensorCores};
  CardDevice ordinary{longform::card::open_card(0), Units::kOrdinary};
};

std::vector<float> product(CardDevice &card, const DType &dtype, const std::vector<uint8_t> &weight,
                           const std::vector<float> &x, int64_t tokens, int64_t outer) {
  std::vector<float> out(static_cast<size_t>(tokens * outer), 1e30f);
  const kernels_product one = {weight.data(), out.data(), outer, dtype.id};
  card.matmul(x.data(), tokens, static_cast<int64_t>(x.size()) / tokens, &one, 1);
  card.finish();
  return out;
}

// How far from a float64 loop the worst element is, relative to what is added.
double error_of(const DType &dtype, const std::vector<uint8_t> &weight, const std::vector<float> &x, int64_t tokens,
                int64_t outer, const std::vector<float> &found) {
  const int64_t inner = static_cast<int64_t>(x.size()) / tokens;
  double worst = 0;
  for (int64_t t = 0; t < tokens; t++) {
    for (int64_t o = 0; o < outer; o++) {
      double sum = 0, size = 0;
      for (int64_t i = 0; i < inner; i++) {
        const double one = static_cast<double>(x[static_cast<size_t>(t * inner + i)]) *
                           value_at(dtype, weight.data() + 2 * (o * inner + i));
        sum += one;
        size += std::fabs(one);
      }
      const double off = std::fabs(found[static_cast<size_t>(t * outer + o)] - sum) - 1e-30;
      // what is no number is infinitely wrong
      if (!(off <= 0)) worst = std::max(worst, off / size < 1e30 ? off / size : 1e30);
    }
  }
  return worst;
}

// limit: of the library.
void compare(Cards &cards, const DType &dtype, const std::vector<uint8_t> &weight, const std::vector<float> &x,
             int64_t tokens, int64_t outer, const std::string &what, double limit = 1e-6) {
  const std::vector<float> found = product(cards.cores, dtype, weight, x, tokens, outer);
  const std::vector<float> plain = product(cards.ordinary, dtype, weight, x, tokens, outer);
  const int64_t inner = static_cast<int64_t>(x.size()) / tokens;
  const std::string which = std::string(dtype.name) + ", " + std::to_string(tokens) + " x " + std::to_string(inner) +
                            " x " + std::to_string(outer) + what;
  if (dtype.quantised()) {
    expect(std::memcmp(found.data(), plain.data(), found.size() * sizeof(float)) == 0, which + ": other bits");
    const std::vector<float> third = product(cards.library, dtype, weight, x, tokens, outer);
    expect(std::memcmp(found.data(), third.data(), found.size() * sizeof(float)) == 0, which + ": the library's bits");
    return;
  }
  const double error = error_of(dtype, weight, x, tokens, outer, found);
  const double ordinary = error_of(dtype, weight, x, tokens, outer, plain);
  char numbers[80];
  std::snprintf(numbers, sizeof numbers, ": error %.2e, of ordinary units %.2e", error, ordinary);
  // the tolerance of matmul_test; sums of one sign are further off in any order
  expect(error <= std::max(1e-6, ordinary), which + numbers);
  if (!cards.has_library || tokens < longform::card::kLeastLibraryTokens || inner % 8 != 0) return;
  const int64_t before = cards.watched->multiplied;
  const double of_library =
      error_of(dtype, weight, x, tokens, outer, product(cards.library, dtype, weight, x, tokens, outer));
  // a card's may have no way for rows of the answer that begin at odd places
  const bool must = outer % 8 == 0 || longform::card::card_name(0) == "an emulated card";
  expect(!must || cards.watched->multiplied > before, which + ": the library was not asked");
  std::snprintf(numbers, sizeof numbers, ": error of the library %.2e, of ordinary units %.2e", of_library, ordinary);
  expect(of_library <= std::max(limit, ordinary), which + numbers);
}

std::vector<float> activations(int64_t count) {
  std::vector<float> x(static_cast<size_t>(count));
  for (float &v : x) v = uniform() * std::ldexp(1.f, static_cast<int>(draws() % 7));
  return x;
}

void sizes(Cards &cards) {
  for (const DType &dtype : kDTypes) {
    for (int64_t inner : {1, 15, 31, 32, 33, 96, 136, 256, 288, 768}) {
      if (inner % dtype.block != 0) continue;
      for (int64_t outer : {1, 7, 8, 9, 33, 63, 65, 70}) {
        const std::vector<uint8_t> weight = weights(dtype, outer, inner, false);
        for (int64_t tokens : {9, 17, 63, 65, 130}) {
          // every size with some of the others
          if (tokens > 17 && (outer % 32 != 1 || inner % 96 != 0)) continue;
          compare(cards, dtype, weight, activations(tokens * inner), tokens, outer, "");
        }
      }
    }
  }
}

// Tokens, inner and outer widths around those of tiles, every size with some of the others.
void sizes_of_library(Cards &cards) {
  const int64_t all_tokens[] = {64, 65, 100, 129, 300}, inners[] = {32, 96, 256, 1000}, outers[] = {1, 7, 70, 130};
  for (const DType &dtype : kDTypes) {
    for (int i = 0; i < 5; i++) {
      for (int j = 0; j < 4; j++) {
        for (int k = 0; k < 4; k++) {
          const int64_t tokens = all_tokens[i], inner = inners[j], outer = outers[k];
          if (inner % dtype.block != 0 || (i + j + k) % 4 != 0 || (dtype.quantised() && tokens > 100)) continue;
          compare(cards, dtype, weights(dtype, outer, inner, false), activations(tokens * inner), tokens, outer, "");
        }
      }
    }
  }
}

// A library's tensor cores begin a sum once, not every 32 elements. Of each product, and of the sum every eight
// products, up to 2^-24 of the sum so far is cut, half of it on average. What is cut has one sign where the products
// have, of a sum that grows to its end; else most of it cancels, but what is cut while a few products are much larger
// than the others does not.
double limit_of_one_sign(int64_t inner) { return static_cast<double>(inner) * 9 / 8 * std::ldexp(1., -25) / 2; }
constexpr double kLimitOfFewLarge = 3e-6;

// Sums of one sign over a long row; activations of very different and of extreme sizes.
void corners(Cards &cards) {
  for (const DType &dtype : kDTypes) {
    const std::vector<uint8_t> weight = weights(dtype, 11, 8704, true), small = weights(dtype, 9, 512, false);
    std::vector<float> x = activations(9 * 8704);
    for (float &v : x) v = std::fabs(v);
    compare(cards, dtype, weight, x, 9, 11, " of one sign");
    for (int range : {20, 40, 120}) {
      std::vector<float> wide = activations(17 * 512);
      for (float &v : wide) v *= std::ldexp(1.f, static_cast<int>(draws() % static_cast<unsigned>(range)) - range / 2);
      compare(cards, dtype, small, wide, 17, 9, " of sizes of " + std::to_string(range) + " bits");
    }
    for (float size : {0.f, 1e-38f, 1e-30f, 1e30f, 4e36f}) {
      std::vector<float> scaled = activations(17 * 512);
      for (float &v : scaled) v *= size;
      compare(cards, dtype, small, scaled, 17, 9, " of size " + std::to_string(size));
    }
    if (dtype.quantised()) continue;
    // the same for the library
    std::vector<float> long_rows = activations(64 * 8704);
    for (float &v : long_rows) v = std::fabs(v);
    compare(cards, dtype, weights(dtype, 3, 8704, true), long_rows, 64, 3, " of one sign", limit_of_one_sign(8704));
    for (int range : {20, 40, 120}) {
      std::vector<float> wide = activations(65 * 512);
      for (float &v : wide) v *= std::ldexp(1.f, static_cast<int>(draws() % static_cast<unsigned>(range)) - range / 2);
      compare(cards, dtype, small, wide, 65, 9, " of sizes of " + std::to_string(range) + " bits", kLimitOfFewLarge);
    }
    // neighbouring tokens of very different sizes, among them zeros
    std::vector<float> rows = activations(65 * 512);
    const float sizes[] = {0.f, 1e-38f, 1e-30f, 1.f, 1e30f, 4e36f};
    for (size_t i = 0; i < rows.size(); i++) rows[i] *= sizes[i / 512 % 6];
    compare(cards, dtype, small, rows, 65, 9, " of tokens of different sizes");
  }
}

// Products of one call are those of calls of their own, whatever their dtypes and in whatever order; few tokens meet up
// to four weights of one dtype in one launch.
void together(Cards &cards) {
  for (int round = 0; round < 60; round++) {
    const int64_t tokens = round % 12 < 8 ? round % 12 + 1 : 9 + round, inner = 256 * (1 + round % 3);
    const std::vector<float> x = activations(tokens * inner);
    const size_t count = 1 + draws() % 11, kinds = 1 + draws() % 3;
    std::vector<const DType *> dtypes;
    std::vector<std::vector<uint8_t>> all_weights;
    std::vector<std::vector<float>> outs, alone;
    std::vector<kernels_product> products;
    for (size_t j = 0; j < count; j++) {
      const DType &dtype = kDTypes[(draws() % kinds * 3 + static_cast<unsigned>(round)) % std::size(kDTypes)];
      const int64_t outer = 1 + draws() % 40;
      dtypes.push_back(&dtype);
      all_weights.push_back(weights(dtype, outer, inner, false));
      alone.push_back(product(cards.cores, dtype, all_weights.back(), x, tokens, outer));
      outs.emplace_back(alone.back().size(), 1e30f);
    }
    int64_t wanted = 0, run = 0;
    bool codes = false;
    for (size_t j = 0; j < count; j++) {
      products.push_back({all_weights[j].data(), outs[j].data(), static_cast<int64_t>(outs[j].size()) / tokens,
                          dtypes[j]->id});
      run = j > 0 && dtypes[j] == dtypes[j - 1] ? run + 1 : 0;
      wanted += run % 4 == 0;
      codes = codes || dtypes[j]->quantised();
    }
    const int64_t before = cards.watched->launches;
    CardDevice &card = tokens <= KERNELS_ALIKE_TOKENS ? cards.library : cards.cores;
    card.matmul(x.data(), tokens, inner, products.data(), static_cast<int64_t>(count));
    card.finish();
    const std::string which = std::to_string(count) + " products of " + std::to_string(tokens) + " tokens";
    expect(outs == alone, which + ": other bits");
    if (tokens <= KERNELS_ALIKE_TOKENS) {
      expect(cards.watched->launches - before == wanted + codes,
             which + ": " + std::to_string(cards.watched->launches - before) + " launches");
    }
  }
}

// What is no number spoils its own token only.
void spoiled(CardDevice &card) {
  for (const DType &dtype : kDTypes) {
    const std::vector<uint8_t> weight = weights(dtype, 19, 512, false);
    for (float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
      for (int64_t tokens : {9, 65, 129}) {
        const std::vector<float> clean = activations(tokens * 512);
        std::vector<float> x = clean;
        const int64_t row = static_cast<int64_t>(draws()) % tokens;
        x[static_cast<size_t>(row * 512 + draws() % 512)] = bad;
        const std::vector<float> found = product(card, dtype, weight, x, tokens, 19);
        const std::vector<float> other = product(card, dtype, weight, clean, tokens, 19);
        for (int64_t i = 0; i < tokens * 19; i++) {
          const float one = found[static_cast<size_t>(i)];
          expect(i / 19 == row ? !std::isfinite(one) : one == other[static_cast<size_t>(i)],
                 std::string(dtype.name) + ": a token that is no number makes " + std::to_string(one) + " of token " +
                     std::to_string(i / 19));
        }
      }
    }
  }
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot compare products: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  Cards cards;
  sizes(cards);
  corners(cards);
  sizes_of_library(cards);
  together(cards);
  spoiled(cards.cores);
  spoiled(cards.library);
  return end("products", cards.has_library ? "" : ", without a library: there is none here");
}
