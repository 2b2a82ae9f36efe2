// Products of many tokens on card 0 by tensor cores beside the same by ordinary units, everything in its memory.
// units_bench [quick]: prints a table in Markdown.
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "cpu/formats.h"
#include "cuda/card_device.h"
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

}  // namespace

int main(int count, char **arguments) {
  const bool quick = count > 1 && std::strcmp(arguments[1], "quick") == 0;
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot measure: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  std::printf("| product (%s) | tensor cores ms | TFLOP/s | ordinary units ms | TFLOP/s | times faster |\n"
              "|---|---|---|---|---|---|\n",
              longform::card::card_name(0).c_str());
  const int64_t inner = quick ? 256 : 4096, outer = quick ? 96 : 14336;
  for (const DType &dtype : kDTypes) {
    for (int64_t tokens : {int64_t{16}, quick ? int64_t{65} : int64_t{512}, quick ? int64_t{130} : int64_t{4096}}) {
      const double cores = time_of(Units::kTensorCores, dtype.id, tokens, inner, outer);
      const double ordinary = time_of(Units::kOrdinary, dtype.id, tokens, inner, outer);
      const double operations = 2. * static_cast<double>(tokens) * static_cast<double>(inner * outer);
      std::printf("| %s, %ld x %ld x %ld | %.3f | %.2f | %.3f | %.2f | %.2f |\n", dtype.name, static_cast<long>(tokens),
                  static_cast<long>(inner), static_cast<long>(outer), cores * 1e3, operations / cores / 1e12,
                  ordinary * 1e3, operations / ordinary / 1e12, ordinary / cores);
      std::fflush(stdout);
    }
  }
  return 0;
}
