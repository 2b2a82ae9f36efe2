// The best keys of every instruction set against a sort of float64 scores, with and without
// sketches, on one thread and on three.
#include "isas.h"
#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int64_t kPage = KERNELS_SKETCH_ROWS;

std::vector<int32_t> isas;
int64_t checks = 0;
int64_t pruned = 0;

void fail(const std::string &what) {
  std::printf("top_keys: %s\n", what.c_str());
  std::exit(1);
}

uint64_t state = 1;
double uniform() {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<double>(state >> 11) / 9007199254740992.0;
}
float gaussian() {
  return static_cast<float>(std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform()));
}

// float16, rounded to nearest
uint16_t to_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint32_t sign = (bits >> 16) & 0x8000;
  if (std::isnan(x)) return static_cast<uint16_t>(sign | 0x7e00);
  const double magnitude = std::fabs(static_cast<double>(x));
  if (magnitude > 65504) return static_cast<uint16_t>(sign | 0x7c00);
  int exponent = magnitude == 0 ? -24 : std::max(-24, std::ilogb(magnitude) - 10);
  exponent = std::max(exponent, -24);
  const double steps = std::nearbyint(std::ldexp(magnitude, -exponent));
  if (exponent == -24) return static_cast<uint16_t>(sign | static_cast<uint32_t>(steps));
  const uint32_t power = static_cast<uint32_t>(exponent + 25) << 10;
  return static_cast<uint16_t>(sign | (power + static_cast<uint32_t>(steps - 1024)));
}
double widen_half(uint16_t h) {
  const int exponent = (h >> 10) & 31, fraction = h & 1023;
  const double sign = h & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

double from_half(uint16_t h) {
  static const std::vector<double> table = [] {
    std::vector<double> all(65536);
    for (size_t i = 0; i < all.size(); i++) all[i] = widen_half(static_cast<uint16_t>(i));
    return all;
  }();
  return table[h];
}

int64_t row_bytes(int64_t dtype, int64_t dims) {
  return dtype == KERNELS_KV_F32 ? 4 * dims : dtype == KERNELS_KV_F16 ? 2 * dims : dims + (dims + 31) / 32 * 2;
}

void store(char *row, int64_t dtype, const std::vector<float> &x) {
  const int64_t dims = static_cast<int64_t>(x.size());
  if (dtype == KERNELS_KV_F32) {
    std::memcpy(row, x.data(), x.size() * 4);
  } else if (dtype == KERNELS_KV_F16) {
    for (int64_t d = 0; d < dims; d++) {
      const uint16_t h = to_half(x[d]);
      std::memcpy(row + 2 * d, &h, 2);
    }
  } else {
    for (int64_t b = 0; b < dims; b += 32) {
      float largest = 0;
      for (int64_t d = b; d < std::min(dims, b + 32); d++) largest = std::max(largest, std::fabs(x[d]));
      const uint16_t h = to_half(largest / 127);
      std::memcpy(row + dims + b / 32 * 2, &h, 2);
      const float scale = static_cast<float>(from_half(h));
      for (int64_t d = b; d < std::min(dims, b + 32); d++) {
        const float q = scale == 0 || std::isnan(x[d]) ? 0 : std::nearbyint(x[d] / scale);
        row[d] = static_cast<char>(static_cast<int>(std::max(-127.f, std::min(127.f, q))));
      }
    }
  }
}

double load(const char *row, int64_t dtype, int64_t dims, int64_t d) {
  if (dtype == KERNELS_KV_F32) {
    float x;
    std::memcpy(&x, row + 4 * d, 4);
    return x;
  }
  uint16_t h;
  if (dtype == KERNELS_KV_F16) {
    std::memcpy(&h, row + 2 * d, 2);
    return from_half(h);
  }
  std::memcpy(&h, row + dims + d / 32 * 2, 2);
  return static_cast<float>(from_half(h)) * static_cast<float>(static_cast<signed char>(row[d]));
}

enum Keys { kGaussian, kWhole, kClustered, kEqual, kNan, kHuge, kTiny, kDenormal, kLadder };

struct Case {
  int64_t queries, heads, kv_heads, dims, from, to, k;
  int64_t dtype = KERNELS_KV_F32;
  Keys keys = kGaussian;
  int64_t pairing = KERNELS_PAIRING_GROUP;
  int64_t norm = KERNELS_NORM_NONE;
  int64_t block_rows = 1;
};

struct Cache {
  explicit Cache(const Case &c) : pages((c.to + kPage - 1) / kPage) {
    const int64_t rb = row_bytes(c.dtype, c.dims);
    layout = {c.dtype, c.kv_heads, c.dims, rb, kPage * rb, 2 * kPage * rb};
    // every page a block of its own, so that a read beyond its end is seen
    for (int64_t p = 0; p < pages; p++) memory.emplace_back(static_cast<size_t>(2 * kPage * rb * c.kv_heads));
    std::vector<float> centre(static_cast<size_t>(c.dims));
    for (int64_t row = 0; row < pages * kPage; row++) {
      if (row % 200 == 0) {
        for (float &x : centre) x = 5 * gaussian();
      }
      for (int64_t g = 0; g < c.kv_heads; g++) {
        for (int part = 0; part < 2; part++) {
          std::vector<float> x(static_cast<size_t>(c.dims));
          for (size_t d = 0; d < x.size(); d++) {
            switch (c.keys) {
              case kGaussian: x[d] = gaussian(); break;
              case kWhole: x[d] = std::floor(static_cast<float>(uniform()) * 7) - 3; break;
              case kClustered: x[d] = centre[d] + 0.3f * gaussian(); break;
              case kEqual: x[d] = 0.25f * static_cast<float>(d % 5) - 0.3f; break;
              case kNan: x[d] = d == 1 && row % 3 == 0 ? NAN : gaussian(); break;
              case kHuge: x[d] = (row % 5 == 0 ? 1e30f : 1e15f) * gaussian(); break;
              case kTiny: x[d] = 1e-9f * gaussian(); break;
              case kDenormal: x[d] = 1e-25f * gaussian(); break;
              // steps smaller than the sketch can see
              case kLadder: x[d] = 1 + (d == 0 ? 1e-4f * static_cast<float>((row * 7919) % 1000) : 0); break;
            }
          }
          store(at(row, g) + part * layout.value_stride, c.dtype, x);
        }
      }
    }
  }

  char *at(int64_t row, int64_t g) {
    return memory[static_cast<size_t>(row / kPage)].data() + g * layout.head_stride + row % kPage * layout.row_bytes;
  }

  int64_t pages;
  kernels_kv_layout layout;
  std::vector<std::vector<char>> memory;
};

struct Answer {
  std::vector<int64_t> rows;
  std::vector<float> scores;
  int64_t rescored = 0;
  bool operator==(const Answer &o) const { return rows == o.rows && scores == o.scores; }
};

Answer ask(const Case &c, Cache &cache, const std::vector<float> &queries, int isa, int threads, bool sketched) {
  kernels_device *device = nullptr;
  if (kernels_open(isa, threads, &device) != KERNELS_OK) fail("cannot open");
  std::vector<kernels_run> runs;
  std::vector<const char *> sketches;
  std::vector<kernels_sketch_page> pages;
  const int64_t bytes = kernels_sketch_bytes(c.dims) * c.kv_heads;
  std::vector<char *> blocks;
  for (int64_t row = c.from; row < c.to;) {
    // the last run may go on beyond the candidates
    const int64_t page = kPage - row % kPage, count = threads > 1 ? page : std::min(c.to - row, page);
    runs.push_back({cache.at(row, 0), row, row - c.from, count});
    if (sketched && count == kPage) {
      blocks.push_back(static_cast<char *>(std::aligned_alloc(64, static_cast<size_t>(bytes))));
      pages.push_back({cache.at(row, 0), blocks.back()});
    }
    sketches.push_back(sketched && count == kPage ? blocks.back() : nullptr);
    row += count;
  }
  if (kernels_sketch(device, &cache.layout, pages.data(), static_cast<int64_t>(pages.size())) != KERNELS_OK) {
    fail(kernels_last_error());
  }
  Answer answer;
  answer.rows.assign(static_cast<size_t>(c.heads * c.queries * c.k), -7);
  answer.scores.assign(answer.rows.size(), -7);
  const kernels_top_keys_request request = {
      queries.data(), c.queries, c.heads, &cache.layout, runs.data(), static_cast<int64_t>(runs.size()), c.from, c.to,
      c.k, c.pairing, c.norm, c.block_rows, sketched ? sketches.data() : nullptr, answer.rows.data(),
      answer.scores.data(), &answer.rescored, 0};
  if (kernels_top_keys(device, &request) != KERNELS_OK) fail(kernels_last_error());
  kernels_close(device);
  for (char *block : blocks) std::free(block);
  return answer;
}

struct Scored {
  double score;
  int64_t row;
};

// all candidates, best first
std::vector<Scored> sorted(const Case &c, Cache &cache, const std::vector<float> &queries, int64_t h, int64_t t) {
  const int64_t g = c.pairing == KERNELS_PAIRING_GROUP ? h * c.kv_heads / c.heads : h % c.kv_heads;
  std::vector<Scored> all;
  for (int64_t row = c.from; row < c.to; row++) {
    double dot = 0, l1 = 0, squares = 0;
    for (int64_t d = 0; d < c.dims; d++) {
      dot += queries[static_cast<size_t>((t * c.heads + h) * c.dims + d)] * load(cache.at(row, g), c.dtype, c.dims, d);
      if (c.norm == KERNELS_NORM_NONE) continue;
      const double v = load(cache.at(row, g) + cache.layout.value_stride, c.dtype, c.dims, d);
      l1 += std::fabs(v);
      squares += v * v;
    }
    double score = dot * (c.norm == KERNELS_NORM_NONE ? 1 : c.norm == KERNELS_NORM_VALUE_L1 ? l1 : std::sqrt(squares));
    if (std::isnan(score)) score = -INFINITY;
    if ((row - c.from) % c.block_rows == 0) all.push_back({score, row});
    else if (score > all.back().score) all.back() = {score, row};
  }
  std::stable_sort(all.begin(), all.end(), [](const Scored &a, const Scored &b) { return a.score > b.score; });
  return all;
}

std::string describe(const Case &c, int isa) {
  char text[256];
  std::snprintf(text, sizeof(text), "%s: Q %ld H %ld G %ld D %ld rows %ld..%ld k %ld dtype %ld keys %d pairing %ld norm %ld block %ld",
                kernels_isa_name(isa), static_cast<long>(c.queries), static_cast<long>(c.heads),
                static_cast<long>(c.kv_heads), static_cast<long>(c.dims), static_cast<long>(c.from),
                static_cast<long>(c.to), static_cast<long>(c.k), static_cast<long>(c.dtype), c.keys,
                static_cast<long>(c.pairing), static_cast<long>(c.norm), static_cast<long>(c.block_rows));
  return text;
}

void check(const Case &c) {
  state = 99;
  Cache cache(c);
  std::vector<float> queries(static_cast<size_t>(c.queries * c.heads * c.dims));
  for (float &q : queries) q = c.keys == kWhole ? std::floor(static_cast<float>(uniform()) * 7) - 3 : gaussian();
  if (c.keys == kDenormal) {
    for (float &q : queries) q *= 1e-18f;
  }
  if (c.keys == kHuge) {
    for (float &q : queries) q *= 1e-3f;
  }
  std::vector<std::vector<Scored>> expected;
  for (int64_t h = 0; h < c.heads; h++) {
    for (int64_t t = 0; t < c.queries; t++) expected.push_back(sorted(c, cache, queries, h, t));
  }
  for (int32_t isa : isas) {
    const Answer found = ask(c, cache, queries, isa, 1, false);
    if (!(found == ask(c, cache, queries, isa, 3, false))) fail(describe(c, isa) + ": threads change the answer");
    if (c.norm == KERNELS_NORM_NONE && c.block_rows == 1) {
      for (int threads : {1, 3}) {
        const Answer sketched = ask(c, cache, queries, isa, threads, true);
        if (!(found == sketched)) fail(describe(c, isa) + ": sketches change the answer");
        pruned += found.rescored - sketched.rescored;
      }
    }
    if (found.rescored != c.heads * c.queries * (c.to - c.from)) fail(describe(c, isa) + ": pairs counted wrongly");
    for (int64_t h = 0; h < c.heads; h++) {
      for (int64_t t = 0; t < c.queries; t++) {
        const std::vector<Scored> &all = expected[static_cast<size_t>(h * c.queries + t)];
        // float32 sums: relative to the largest score there is
        double size = 0;
        for (const Scored &s : all) {
          if (std::isfinite(s.score)) size = std::max(size, std::fabs(s.score));
        }
        const double tolerance = c.keys == kWhole ? 0 : 4e-5 * size + 1e-36;
        for (int64_t j = 0; j < c.k; j++, checks++) {
          const size_t at = static_cast<size_t>((h * c.queries + t) * c.k + j);
          const double exact = all[static_cast<size_t>(j)].score, score = found.scores[at];
          if (!(score == exact || std::fabs(score - exact) <= tolerance)) {
            fail(describe(c, isa) + ": score " + std::to_string(score) + ", expected " + std::to_string(exact));
          }
          if ((tolerance == 0 || exact == -INFINITY) && found.rows[at] != all[static_cast<size_t>(j)].row) fail(describe(c, isa) + ": wrong row");
          for (int64_t i = 0; i < j; i++) {
            if (found.rows[at - static_cast<size_t>(i) - 1] == found.rows[at]) fail(describe(c, isa) + ": a row twice");
          }
          if (j > 0 && (found.scores[at] > found.scores[at - 1] ||
                        (found.scores[at] == found.scores[at - 1] && found.rows[at] < found.rows[at - 1]))) {
            fail(describe(c, isa) + ": wrong order");
          }
        }
      }
    }
  }
}

}  // namespace

int main(int count, char **arguments) {
  isas = isas_of(count, arguments);
  // sizes
  for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
    for (int64_t dims : {1, 3, 8, 17, 33, 64, 80, 128}) {
      for (Keys keys : {kWhole, kGaussian}) {
        if (keys == kWhole && dtype == KERNELS_KV_Q8) continue;
        check({1, 4, 2, dims, 5, 300, 3, dtype, keys});
        check({7, 6, 2, dims, 37, 330, 4, dtype, keys});
      }
    }
    for (Keys keys : {kGaussian, kClustered, kEqual, kTiny, kLadder}) {
      check({1, 6, 2, 64, 32, 1500, 4, dtype, keys});
      check({20, 2, 1, 64, 32, 800, 4, dtype, keys});
    }
  }
  // sharers of a key head, and several chunks
  for (int64_t sharers : {1, 2, 4, 5, 7, 8}) check({1, sharers * 2, 2, 32, 32, 1500, 4, KERNELS_KV_F16});
  for (Keys keys : {kGaussian, kClustered}) check({1, 4, 1, 32, 32, 9000, 4, KERNELS_KV_F16, keys});
  for (Keys keys : {kNan, kHuge, kDenormal}) {
    check({1, 4, 1, 64, 0, 700, 4, KERNELS_KV_F32, keys});
    check({1, 4, 2, 17, 0, 700, 700, KERNELS_KV_F32, keys});
    check({33, 4, 2, 16, 3, 700, 5, KERNELS_KV_F32, keys});
  }
  check({1, 2, 1, 16, 0, 500, 490, KERNELS_KV_F16, kNan});
  // numbers of candidates and of answers
  for (int64_t to : {1, 2, 7, 16, 63, 64, 65, 129, 1000}) {
    for (int64_t k : {1, 4, 1000}) {
      check({2, 6, 2, 8, 0, to, std::min(k, to), KERNELS_KV_F32, kWhole});
      check({30, 2, 1, 8, 0, to, std::min(k, to), KERNELS_KV_F16, kWhole});
    }
  }
  // many tiles and chunks
  check({1, 2, 2, 8, 17, 30000, 7, KERNELS_KV_F32, kWhole});
  check({20, 2, 1, 8, 17, 30000, 7, KERNELS_KV_F32, kWhole});
  check({300, 4, 2, 8, 1, 2500, 3, KERNELS_KV_F16, kWhole});
  // options
  for (int64_t queries : {1, 30}) {
    for (int64_t norm : {KERNELS_NORM_NONE, KERNELS_NORM_VALUE_L1, KERNELS_NORM_VALUE_L2}) {
      for (int64_t pairing : {KERNELS_PAIRING_GROUP, KERNELS_PAIRING_MODULO}) {
        check({queries, 6, 2, 16, 3, 500, 4, KERNELS_KV_F16, kGaussian, pairing, norm});
        if (norm != KERNELS_NORM_VALUE_L2) check({queries, 6, 2, 8, 3, 500, 4, KERNELS_KV_F32, kWhole, pairing, norm});
      }
    }
    for (int64_t block_rows : {2, 7, 128, 5000}) {
      for (int64_t to : {300, 9000}) {
        const int64_t k = std::min<int64_t>(4, (to - 3 + block_rows - 1) / block_rows);
        check({queries, 4, 2, 8, 3, to, k, KERNELS_KV_F32, kWhole, KERNELS_PAIRING_GROUP, KERNELS_NORM_NONE, block_rows});
      }
    }
    check({queries, 4, 2, 8, 3, 90, 12, KERNELS_KV_F32, kNan, KERNELS_PAIRING_GROUP, KERNELS_NORM_NONE, 7});
  }
#ifndef LONGFORM_TEST_OF_CARDS
  if (pruned == 0) fail("sketches never spared a key");
#endif
  std::printf("top_keys: %lld checks, sketches spared %lld scores\n", static_cast<long long>(checks),
              static_cast<long long>(pruned));
  return 0;
}
