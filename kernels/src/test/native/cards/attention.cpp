// Attention of many queries by tensor cores, and of few by warps that share the keys, against the same by tiles of ordinary
// units, which attend_test compares with loops
// in float64: awkward numbers of tokens, heads that share keys, two lists of keys, keys and values too large for
// float16, and rows that are no number where nobody sees them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cuda/card_device.h"
#include "cuda/sizes.h"
#include "kv_rows.h"

namespace {

using longform::card::CardDevice;
using longform::card::Units;
using longform::test::check;
using longform::test::end;
using longform::test::expect;

int64_t other_bits = 0; // answers that are not those of tiles of ordinary units, bit for bit: others made them

std::mt19937 draws(29);
float uniform() { return std::uniform_real_distribution<float>(-1, 1)(draws); }

struct Case {
  std::string name;
  int64_t tokens, past, heads, kv_heads, dim, dtype;
  float size = 1;        // of one key and one value
  int64_t spoiled = -1;  // a row that is no number
  int64_t near = 50;     // distances that are seen, beside the first 20 rows
  bool keys_too = true;  // of that size, and no numbers
  float query_size = 1;  // of one token's queries
};

// Rows of a cache, [head][key or value][row].
struct Cache {
  std::vector<char> memory;
  kernels_kv_layout layout;
  kernels_run run;

  explicit Cache(const Case &test) {
    const int64_t rows = test.past + test.tokens, dim = test.dim;
    const int64_t bytes = test.dtype == KERNELS_KV_Q8 ? dim + (dim + 31) / 32 * 2 : dim * (test.dtype == KERNELS_KV_F16 ? 2 : 4);
    layout = {test.dtype, test.kv_heads, dim, bytes, rows * bytes, 2 * rows * bytes};
    memory.resize(static_cast<size_t>(2 * test.kv_heads * rows * bytes));
    std::vector<float> row(static_cast<size_t>(dim));
    for (int64_t i = 0; i < 2 * test.kv_heads * rows; i++) {
      const bool as_the_others = !test.keys_too && i / rows % 2 == 0;
      const float size = i % rows == test.past / 2 && !as_the_others ? test.size : 1;
      const bool spoiled = i % rows == test.spoiled && !as_the_others;
      for (float &x : row) x = spoiled ? std::nanf("") : size * uniform();
      longform::kv::store_row(test.dtype, row.data(), dim, memory.data() + i * bytes);
    }
    run = {memory.data(), 0, 0, rows};
  }
};

std::vector<float> attend(CardDevice &card, const Case &test, const Cache &cache, const std::vector<float> &queries,
                          std::vector<float> &log_sum_exp) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < test.dim / 2; i++) {
    frequencies.push_back(std::pow(10000., -2. * static_cast<double>(i) / static_cast<double>(test.dim)));
  }
  kernels_run first = cache.run;
  first.count = std::min<int64_t>(20, cache.run.count);
  const int64_t starts[] = {0, 1};
  kernels_segment segments[2] = {};
  for (kernels_segment &segment : segments) {
    segment.run_starts = starts;
    segment.groups = 1;
    segment.key_stride = 1;
    segment.query_to = INT64_MAX;
    segment.logit_scale = 1;
    segment.width = test.near;
  }
  segments[0].runs = &first;
  segments[0].band = KERNELS_BAND_FAR;
  segments[1].runs = &cache.run;
  segments[1].band = KERNELS_BAND_NEAR;
  std::vector<float> out(queries.size(), 1e30f);
  log_sum_exp.assign(static_cast<size_t>(test.tokens * test.heads), 1e30f);
  kernels_attention call = {};
  call.queries = queries.data();
  call.out = out.data();
  call.log_sum_exp = log_sum_exp.data();
  call.tokens = test.tokens;
  call.heads = test.heads;
  call.first_row = test.past;
  call.scale = 1 / std::sqrt(static_cast<double>(test.dim));
  call.frequencies = frequencies.data();
  call.pairs = test.dim / 2;
  call.attention_factor = 1;
  call.layout = &cache.layout;
  call.segments = segments;
  call.segment_count = 2;
  card.attend(call);
  card.finish();
  return out;
}

void compare(CardDevice &cores, CardDevice &ordinary, const Case &test) {
  const Cache cache(test);
  std::vector<float> queries(static_cast<size_t>(test.tokens * test.heads * test.dim)), sums, expected_sums;
  for (float &x : queries) x = 3 * uniform();
  for (int64_t i = 0; i < test.heads * test.dim; i++) queries[static_cast<size_t>(i)] *= test.query_size;
  const std::vector<float> found = attend(cores, test, cache, queries, sums);
  const std::vector<float> expected = attend(ordinary, test, cache, queries, expected_sums);
  const std::string name = test.name + ": " + std::to_string(test.tokens) + " tokens after " +
                           std::to_string(test.past) + ", " + std::to_string(test.heads) + "/" +
                           std::to_string(test.kv_heads) + " heads of " + std::to_string(test.dim) + ", dtype " +
                           std::to_string(test.dtype);
  if (std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)) != 0) other_bits++;
  for (size_t i = 0; i < found.size(); i++) {
    const float most = 2e-5f * std::fmax(1.f, std::fabs(expected[i]));
    const bool held = std::isnan(expected[i]) ? std::isnan(found[i]) : std::fabs(found[i] - expected[i]) <= most;
    check(held, [&] {
      return name + ", [" + std::to_string(i) + "] is " + std::to_string(found[i]) + ", expected " + std::to_string(expected[i]);
    });
  }
  for (size_t i = 0; i < sums.size(); i++) {
    const float most = 2e-5f * std::fmax(1.f, std::fabs(expected_sums[i]));
    const bool held =
        std::isnan(expected_sums[i]) ? std::isnan(sums[i]) : std::fabs(sums[i] - expected_sums[i]) <= most;
    check(held, [&] {
      return name + ", log-sum-exp [" + std::to_string(i) + "] is " + std::to_string(sums[i]) + ", expected " +
             std::to_string(expected_sums[i]);
    });
  }
}

// As many rows of queries for a list of keys as a step of decode has, and fewer and more keys than its warps take at once.
void few_rows(CardDevice &few, CardDevice &ordinary) {
  const int64_t heads[][2] = {{2, 2}, {4, 2}, {6, 2}, {4, 1}, {5, 1}, {8, 1}}, pasts[] = {0, 3, 31, 130, 300};
  int64_t turn = 0;
  for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
    for (int64_t dim : {6, 33, 64, 66, 80, 128, 130, 200, 256}) {
      for (const auto &of : heads) {
        for (int64_t tokens : {1, 2, 3}) {
          if (tokens * (of[0] / of[1]) <= longform::card::kMostFewAttendRows) {
            compare(few, ordinary, {"few rows", tokens, pasts[turn++ % 5], of[0], of[1], dim, dtype});
          }
        }
      }
    }
    compare(few, ordinary, {"few rows, one nobody sees", 1, 180, 4, 1, 64, dtype, 1, 25});
    compare(few, ordinary, {"few rows, one that some see", 4, 80, 4, 2, 64, dtype, 1, 81, 2});
    compare(few, ordinary, {"few rows, a large one", 1, 80, 4, 1, 128, dtype, 6e4f});
  }
  compare(few, ordinary, {"few queries that are no numbers", 2, 80, 4, 1, 64, KERNELS_KV_F16, 1, -1, 50, true, NAN});
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot compare attention: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  CardDevice cores(longform::card::open_card(0), Units::kTensorCores);
  CardDevice ordinary(longform::card::open_card(0), Units::kOrdinary);
  for (int64_t dtype : {KERNELS_KV_F16, KERNELS_KV_Q8}) {
    for (int64_t dim : {6, 34, 64, 80, 128}) {
      for (int64_t tokens : {9, 17, 33, 65}) {
        compare(cores, ordinary, {"sizes", tokens, 40 + tokens % 8, 4, 2, dim, dtype});
      }
    }
    compare(cores, ordinary, {"a row nobody sees", 20, 80, 4, 1, 64, dtype, 1, 25});
    compare(cores, ordinary, {"a row that some see", 20, 80, 4, 1, 64, dtype, 1, 85});
    compare(cores, ordinary, {"a large row", 20, 80, 4, 1, 64, dtype, 6e4f});
  }
  compare(cores, ordinary, {"a row too large for float16", 20, 80, 4, 1, 64, KERNELS_KV_Q8, 5e5f});
  compare(cores, ordinary, {"values too large", 20, 80, 4, 1, 64, KERNELS_KV_Q8, 5e5f, -1, 50, false});
  compare(cores, ordinary, {"queries too large", 20, 80, 4, 1, 64, KERNELS_KV_F16, 1, -1, 50, true, 1e6f});
  compare(cores, ordinary, {"queries that are no numbers", 20, 80, 4, 1, 64, KERNELS_KV_F16, 1, -1, 50, true, NAN});
  expect(other_bits > 40, "tensor cores were seldom asked");
  const int64_t by_cores = other_bits;
  few_rows(cores, ordinary);
  expect(other_bits - by_cores > 200, "warps had keys of their own " + std::to_string(other_bits - by_cores) + " times");
  return end("attention", ", " + std::to_string(by_cores) + " answers by tensor cores");
}
