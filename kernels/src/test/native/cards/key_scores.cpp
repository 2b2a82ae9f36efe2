// Scores of listed keys on a card against loops in float64, over keys in memory of the card, of the host and of both.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels.h"
#include "stored.h"

namespace {

using longform::test::end;
using longform::test::expect;

std::mt19937 draws(53);
kernels_device *card = nullptr;
kernels_device *processor = nullptr;

void done(int32_t status, const std::string &what) {
  expect(status == KERNELS_OK, what + ": " + kernels_last_error());
}

enum Place { kCard, kHost, kBoth };

struct Case {
  int64_t queries, heads, kv_heads, dims, count, dtype;
  int64_t pairs = 0; // 0 if keys are not turned
  int64_t encoding = KERNELS_ROPE_HALF_SPLIT;
  Place place = kCard;
};

// Two pages of keys and values.
struct Cache {
  static constexpr int64_t kRows = 37;

  kernels_kv_layout layout;
  std::vector<char> pages[2];
  void *on_card[2] = {nullptr, nullptr};
  std::vector<float> keys, values;

  explicit Cache(const Case &c) {
    const int64_t row = c.dtype == KERNELS_KV_F32   ? 4 * c.dims
                        : c.dtype == KERNELS_KV_F16 ? 2 * c.dims
                                                    : c.dims + (c.dims + 31) / 32 * 2;
    layout = {c.dtype, c.kv_heads, c.dims, row, row * kRows, 2 * row * kRows};
    std::normal_distribution<float> normal;
    for (int page = 0; page < 2; page++) {
      pages[page].resize(static_cast<size_t>(c.kv_heads * layout.head_stride));
      keys.resize(static_cast<size_t>(kRows * c.kv_heads * c.dims));
      values = keys;
      for (float &key : keys) key = normal(draws);
      const kernels_place place = {pages[page].data(), 0, kRows};
      done(kernels_store(processor, &layout, keys.data(), values.data(), &place, 1), "store");
      const int64_t bytes = static_cast<int64_t>(pages[page].size());
      done(kernels_card_allocate(card, bytes, &on_card[page]), "allocate");
      done(kernels_card_copy(card, on_card[page], pages[page].data(), bytes), "copy to the card");
    }
  }
  Cache(const Cache &) = delete;
  ~Cache() {
    for (void *page : on_card) done(kernels_card_release(card, page), "release");
  }

  // What is stored.
  double element(int64_t page, int64_t row, int64_t kv_head, int64_t d) const {
    const char *at = pages[page].data() + kv_head * layout.head_stride + row * layout.row_bytes;
    return longform::test::number(layout.dtype, layout.head_dim, at, d);
  }
};

struct Angles {
  std::vector<double> positions, frequencies;
};

double best(const Case &c, const Cache &cache, const Angles &angles, const std::vector<float> &queries, int64_t head,
            int64_t place, int64_t page, int64_t row) {
  std::vector<double> key(static_cast<size_t>(c.dims));
  for (int64_t d = 0; d < c.dims; d++) {
    key[static_cast<size_t>(d)] = cache.element(page, row, head / (c.heads / c.kv_heads), d);
  }
  for (int64_t p = 0; p < c.pairs; p++) {
    const bool halves = c.encoding == KERNELS_ROPE_HALF_SPLIT;
    double &a = key[static_cast<size_t>(halves ? p : 2 * p)], &b = key[static_cast<size_t>(halves ? p + c.pairs : 2 * p + 1)];
    const double angle = angles.positions[static_cast<size_t>(place)] * angles.frequencies[static_cast<size_t>(p)];
    const double x = a, y = b;
    a = 1.25 * (x * std::cos(angle) - y * std::sin(angle));
    b = 1.25 * (y * std::cos(angle) + x * std::sin(angle));
  }
  double most = -INFINITY;
  for (int64_t q = 0; q < c.queries; q++) {
    double sum = 0;
    for (int64_t d = 0; d < c.dims; d++) {
      sum += static_cast<double>(queries[static_cast<size_t>((q * c.heads + head) * c.dims + d)]) * key[static_cast<size_t>(d)];
    }
    // false for what is no number
    if (sum > most) most = sum;
  }
  return most;
}

std::string describe(const Case &c, int64_t number) {
  std::string text = "Q " + std::to_string(c.queries) + " H " + std::to_string(c.heads) + " G " +
                     std::to_string(c.kv_heads) + " D " + std::to_string(c.dims) + " dtype " + std::to_string(c.dtype);
  return text + " pairs " + std::to_string(c.pairs) + " place " + std::to_string(c.place) + " key " + std::to_string(number);
}

void check(const Case &c, float spoil = 0) {
  Cache cache(c);
  std::normal_distribution<float> normal;
  std::vector<float> queries(static_cast<size_t>(c.queries * c.heads * c.dims));
  for (float &query : queries) query = normal(draws);
  // of the first head's first query
  if (spoil != 0) queries[0] = spoil;
  Angles angles;
  for (int64_t i = 0; i < c.count; i++) angles.positions.push_back(static_cast<double>(draws() % 5000));
  for (int64_t p = 0; p < c.pairs; p++) angles.frequencies.push_back(static_cast<double>(draws() % 1000) / 1000);
  std::vector<kernels_run> keys;
  std::vector<double> expected;
  for (int64_t i = 0; i < c.heads * c.count; i++) {
    const int64_t page = draws() % 2, row = draws() % Cache::kRows;
    const bool there = c.place == kCard || (c.place == kBoth && page == 0);
    const char *from = there ? static_cast<const char *>(cache.on_card[page]) : cache.pages[page].data();
    keys.push_back({from + row * cache.layout.row_bytes, page * Cache::kRows + row, 0, 1});
    expected.push_back(best(c, cache, angles, queries, i / c.count, i % c.count, page, row));
  }
  std::vector<float> scores(expected.size() + 1, -7);
  kernels_key_scores_request request = {};
  request.queries = queries.data();
  request.query_count = c.queries;
  request.heads = c.heads;
  request.layout = &cache.layout;
  request.keys = keys.data();
  request.count = c.count;
  request.positions = c.pairs > 0 ? angles.positions.data() : nullptr;
  request.encoding = c.encoding;
  request.frequencies = angles.frequencies.data();
  request.pairs = c.pairs;
  request.attention_factor = 1.25;
  request.scores = scores.data();
  request.resident = c.place == kCard;
  done(kernels_key_scores(card, &request), "key_scores");
  for (size_t i = 0; i < expected.size(); i++) {
    const bool same = std::isinf(expected[i])
                          ? scores[i] == expected[i]
                          : std::fabs(scores[i] - expected[i]) <= 2e-6 * static_cast<double>(c.dims) + 1e-5;
    expect(same, describe(c, static_cast<int64_t>(i)) + " is " + std::to_string(scores[i]) + ", not " +
                     std::to_string(expected[i]));
  }
  expect(scores.back() == -7, describe(c, -1) + ": a score too many");
}

void sizes() {
  for (int64_t dims : {1, 2, 6, 33, 64, 70, 80, 128, 200, 255, 256}) {
    for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
      for (int64_t encoding : {KERNELS_ROPE_HALF_SPLIT, KERNELS_ROPE_INTERLEAVED}) {
        for (int64_t pairs : {int64_t{0}, dims / 4, dims / 2}) {
          const Place place = static_cast<Place>(draws() % 3);
          check({1, 4, 2, dims, 5, dtype, pairs, encoding, place});
          check({3, 6, 1, dims, 9, dtype, pairs, encoding, place});
        }
      }
    }
  }
  for (Place place : {kCard, kHost, kBoth}) {
    check({2, 8, 4, 64, 700, KERNELS_KV_F16, 32, KERNELS_ROPE_HALF_SPLIT, place});
    // nobody asks for a key, and one key of one head
    check({2, 4, 2, 8, 0, KERNELS_KV_F32, 0, KERNELS_ROPE_HALF_SPLIT, place});
    check({40, 1, 1, 128, 1, KERNELS_KV_F16, 64, KERNELS_ROPE_HALF_SPLIT, place});
  }
}

// A query that is no number leaves the others their scores; if it is alone there is none.
void spoilt() {
  for (float spoil : {static_cast<float>(NAN), INFINITY, -INFINITY}) {
    check({1, 2, 1, 32, 6, KERNELS_KV_F32}, spoil);
    check({4, 2, 1, 32, 6, KERNELS_KV_F32}, spoil);
  }
}

void refusals() {
  const Case c = {1, 1, 1, 300, 1, KERNELS_KV_F32};
  Cache cache(c);
  const std::vector<float> queries(300, 1);
  const kernels_run key = {static_cast<const char *>(cache.on_card[0]), 0, 0, 1};
  float score = -7;
  kernels_key_scores_request request = {};
  request.queries = queries.data();
  request.query_count = 1;
  request.heads = 1;
  request.layout = &cache.layout;
  request.keys = &key;
  request.count = 1;
  request.scores = &score;
  request.resident = 1;
  expect(kernels_key_scores(card, &request) == KERNELS_UNSUPPORTED && score == -7, "heads of 300 dimensions are scored");
  expect(kernels_key_scores(processor, &request) == KERNELS_UNSUPPORTED && score == -7, "the processor scores");
}

}  // namespace

int main() {
  int32_t isa = 0;
  while (kernels_isa_missing(isa) != nullptr) isa++;
  if (kernels_open_card(0, 1, &card) != KERNELS_OK || kernels_open(isa, 1, &processor) != KERNELS_OK) {
    std::fprintf(stderr, "Cannot open a card: %s\n", kernels_last_error());
    return 1;
  }
  sizes();
  spoilt();
  refusals();
  kernels_close(card);
  kernels_close(processor);
  return end("key_scores");
}
