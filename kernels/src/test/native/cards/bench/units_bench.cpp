// Products of many tokens, and searches for the best keys, on card 0 by tensor cores beside the same by ordinary units, and
// products by the card's library, everything in its memory. Where the library does nothing its column is empty.
// units_bench [quick]: prints a table in Markdown.
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "cpu/formats.h"
#include "cuda/card_device.h"
#include "cuda/sizes.h"
#include "times.h"

namespace {

using longform::card::CardDevice;
using longform::card::Units;

struct DType {
  int64_t id;
  const char *name;
};

const DType kDTypes[] = {
    {KERNELS_F16, "F16"},   {KERNELS_BF16, "BF16"}, {KERNELS_Q8_0, "Q8_0"}, {KERNELS_Q4_0, "Q4_0"},
    {KERNELS_Q5_0, "Q5_0"}, {KERNELS_Q4_K, "Q4_K"}, {KERNELS_Q5_K, "Q5_K"}, {KERNELS_Q6_K, "Q6_K"},
};

// The same bytes again and again: as float16, bfloat16 and codes they are finite numbers of sound size.
template <typename T, typename Draw>
T *filled(CardDevice &card, int64_t bytes, Draw draw) {
  std::mt19937 random(5);
  std::vector<T> tile((1 << 20) / sizeof(T));
  for (T &value : tile) value = draw(random);
  char *memory = static_cast<char *>(card.allocate(bytes));
  const int64_t most = static_cast<int64_t>(tile.size() * sizeof(T));
  for (int64_t at = 0; at < bytes; at += most) card.copy(memory + at, tile.data(), std::min(most, bytes - at));
  return reinterpret_cast<T *>(memory);
}

double time_of(Units units, int64_t dtype, int64_t tokens, int64_t inner, int64_t outer) {
  CardDevice card(longform::card::open_card(0), units);
  const void *weight = filled<uint8_t>(card, longform::stored_bytes(dtype, inner) * outer,
                                       [](std::mt19937 &r) { return static_cast<uint8_t>(r() & 0x33); });
  const float *x = filled<float>(card, tokens * inner * 4,
                                 [](std::mt19937 &r) { return static_cast<float>(r() % 20001) / 1e4f - 1; });
  float *out = static_cast<float *>(card.allocate(tokens * outer * 4));
  const kernels_product product = {weight, out, outer, dtype};
  return seconds(
      [&] {
        card.matmul(x, tokens, inner, &product, 1);
        card.finish();
      },
      10);
}

// The four best keys of queries of 128 dimensions, four heads to each key head.
double time_of_search(Units units, int64_t dtype, int64_t queries, int64_t keys, int64_t kv_heads) {
  CardDevice card(longform::card::open_card(0), units);
  const int64_t dim = 128, heads = 4 * kv_heads, answers = heads * queries;
  const int64_t bytes = dtype == KERNELS_KV_F16 ? 2 * dim : dim + dim / 32 * 2;
  const kernels_kv_layout layout = {dtype, kv_heads, dim, bytes, 0, keys * bytes};
  const uint8_t *rows = filled<uint8_t>(card, kv_heads * keys * bytes,
                                        [](std::mt19937 &r) { return static_cast<uint8_t>(r() & 0x33); });
  const kernels_run run = {reinterpret_cast<const char *>(rows), 0, 0, keys};
  std::vector<int64_t> best(static_cast<size_t>(answers * 4));
  std::vector<float> scores(best.size());
  int64_t rescored = 0;
  kernels_top_keys_request request = {};
  request.queries = filled<float>(card, answers * dim * 4,
                                  [](std::mt19937 &r) { return static_cast<float>(r() % 20001) / 1e4f - 1; });
  request.query_count = queries;
  request.heads = heads;
  request.layout = &layout;
  request.runs = &run;
  request.run_count = 1;
  request.to = keys;
  request.k = 4;
  request.block_rows = 1;
  request.rows = best.data();
  request.scores = scores.data();
  request.rescored = &rescored;
  return seconds([&] { card.top_keys(request); }, 5);
}

// Whether the card's library does such a product, for a weight of card memory.
bool by_library(int64_t dtype, int64_t tokens, int64_t inner, int64_t outer) {
  if (tokens < longform::card::kLeastLibraryTokens || (dtype != KERNELS_F16 && dtype != KERNELS_BF16)) return false;
  longform::card::Gemm gemm = {};
  gemm.dtype = dtype;
  gemm.rows = tokens;
  gemm.outer = gemm.out_stride = outer;
  gemm.inner = gemm.x_stride = gemm.w_stride = inner;
  return longform::card::open_card(0)->multiplies(gemm);
}

// library: 0 if it does nothing.
void row(const std::string &what, double library, double cores, double ordinary, double operations) {
  std::printf("| %s |", what.c_str());
  if (library > 0) {
    std::printf(" %.3f | %.2f |", library * 1e3, operations / library / 1e12);
  } else {
    std::printf(" | |");
  }
  std::printf(" %.3f | %.2f | %.3f | %.2f | %.2f |\n", cores * 1e3, operations / cores / 1e12, ordinary * 1e3,
              operations / ordinary / 1e12, ordinary / cores);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char **arguments) {
  const bool quick = count > 1 && std::strcmp(arguments[1], "quick") == 0;
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot measure: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  std::printf("| what (%s) | library ms | TFLOP/s | tensor cores ms | TFLOP/s | ordinary units ms | TFLOP/s | times faster |\n"
              "|---|---|---|---|---|---|---|---|\n",
              longform::card::card_name(0).c_str());
  const int64_t inner = quick ? 256 : 4096, outer = quick ? 96 : 14336;
  for (const DType &dtype : kDTypes) {
    for (int64_t tokens : {int64_t{16}, quick ? int64_t{65} : int64_t{512}, quick ? int64_t{130} : int64_t{4096}}) {
      const double library = by_library(dtype.id, tokens, inner, outer)
                                 ? time_of(Units::kLibrary, dtype.id, tokens, inner, outer)
                                 : 0;
      const double cores = time_of(Units::kTensorCores, dtype.id, tokens, inner, outer);
      const double ordinary = time_of(Units::kOrdinary, dtype.id, tokens, inner, outer);
      const double operations = 2. * static_cast<double>(tokens) * static_cast<double>(inner * outer);
      row(std::string(dtype.name) + ", " + std::to_string(tokens) + " x " + std::to_string(inner) + " x " +
              std::to_string(outer),
          library, cores, ordinary, operations);
    }
  }
  const int64_t keys = quick ? 1000 : 1 << 20, kv_heads = quick ? 2 : 8;
  for (int64_t dtype : {KERNELS_KV_F16, KERNELS_KV_Q8}) {
    for (int64_t queries : {int64_t{1}, quick ? int64_t{20} : int64_t{512}}) {
      row(std::string("best of ") + std::to_string(keys) + (dtype == KERNELS_KV_F16 ? " F16" : " Q8") + " keys, " +
              std::to_string(queries) + " queries of " + std::to_string(4 * kv_heads) + "/" + std::to_string(kv_heads) +
              " heads of 128",
          0, time_of_search(Units::kTensorCores, dtype, queries, keys, kv_heads),
          time_of_search(Units::kOrdinary, dtype, queries, keys, kv_heads),
          2. * static_cast<double>(queries * 4 * kv_heads) * static_cast<double>(keys * 128));
    }
  }
  return 0;
}
