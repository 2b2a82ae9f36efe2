// kernels_attend against a plain loop in float64, for every instruction set of this processor, or for one.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "isas.h"
#include "kernels.h"

namespace {

std::vector<int32_t> isas;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kPageRows = 64;
int64_t checks = 0;
int failures = 0;

void fail(const std::string &what) {
  if (failures++ < 20) std::printf("FAILED: %s\n", what.c_str());
}

using Random = std::mt19937;

int64_t pick(Random &random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

float uniform(Random &random) { return static_cast<float>(random() % 20001) / 10000.f - 1; }

// a float16 of about one, and what it is
uint16_t half(Random &random, float *value) {
  const uint16_t sign = random() & 1, exponent = static_cast<uint16_t>(pick(random, 9, 14));
  const uint16_t fraction = random() & 0x3ff;
  *value = (sign ? -1.f : 1.f) * std::ldexp(1024.f + fraction, exponent - 25);
  return static_cast<uint16_t>(sign << 15 | exponent << 10 | fraction);
}

// Keys and values in pages of 64 rows, [page][head][key or value][row], each page its own block so
// that a read beyond it is found.
struct Cache {
  int64_t dtype, kv_heads, head_dim, row_bytes;
  std::vector<std::unique_ptr<char[]>> pages;
  std::vector<std::vector<float>> keys, values;  // [row][head * D + d]

  Cache(Random &random, int64_t dtype_, int64_t kv_heads_, int64_t head_dim_, int64_t rows)
      : dtype(dtype_), kv_heads(kv_heads_), head_dim(head_dim_) {
    const int64_t blocks = (head_dim + 31) / 32;
    row_bytes = dtype == KERNELS_KV_F32 ? head_dim * 4 : dtype == KERNELS_KV_F16 ? head_dim * 2 : head_dim + blocks * 2;
    for (int64_t row = 0; row < rows; row++) {
      if (row % kPageRows == 0) {
        pages.emplace_back(new char[static_cast<size_t>(kv_heads * 2 * kPageRows * row_bytes)]());
      }
      for (int part = 0; part < 2; part++) {
        std::vector<float> wide;
        for (int64_t g = 0; g < kv_heads; g++) draw(random, at(g, row) + part * value_stride(), wide);
        (part == 0 ? keys : values).push_back(wide);
      }
    }
  }

  int64_t value_stride() const { return kPageRows * row_bytes; }
  char *at(int64_t kv_head, int64_t row) {
    return pages[static_cast<size_t>(row / kPageRows)].get() + (kv_head * 2 * kPageRows + row % kPageRows) * row_bytes;
  }

  void draw(Random &random, char *stored, std::vector<float> &wide) const {
    if (dtype == KERNELS_KV_Q8) {
      for (int64_t b = 0; b * 32 < head_dim; b++) {
        float scale;
        const uint16_t bits = half(random, &scale);
        std::memcpy(stored + head_dim + 2 * b, &bits, 2);
        for (int64_t d = b * 32; d < std::min(head_dim, b * 32 + 32); d++) {
          const int8_t q = static_cast<int8_t>(pick(random, -127, 127));
          // scales of at most 1/100, as a row of numbers near one has
          stored[d] = static_cast<char>(q / 100);
          wide.push_back(scale * static_cast<float>(q / 100));
        }
      }
      return;
    }
    for (int64_t d = 0; d < head_dim; d++) {
      float value = uniform(random);
      if (dtype == KERNELS_KV_F16) {
        const uint16_t bits = half(random, &value);
        std::memcpy(stored + 2 * d, &bits, 2);
      } else {
        std::memcpy(stored + 4 * d, &value, 4);
      }
      wide.push_back(value);
    }
  }

  // Keys and values of a row are NaN, in every head.
  void spoil(int64_t row) {
    for (int64_t g = 0; g < kv_heads; g++) {
      for (int part = 0; part < 2; part++) {
        char *stored = at(g, row) + part * value_stride();
        std::fill_n((part == 0 ? keys : values)[static_cast<size_t>(row)].begin() + g * head_dim, head_dim,
                    std::numeric_limits<float>::quiet_NaN());
        const float wide = std::numeric_limits<float>::quiet_NaN();
        const uint16_t narrow = 0x7e00;
        for (int64_t d = 0; dtype == KERNELS_KV_F32 && d < head_dim; d++) std::memcpy(stored + 4 * d, &wide, 4);
        for (int64_t d = 0; dtype == KERNELS_KV_F16 && d < head_dim; d++) std::memcpy(stored + 2 * d, &narrow, 2);
        for (int64_t b = 0; dtype == KERNELS_KV_Q8 && b * 32 < head_dim; b++) {
          std::memcpy(stored + head_dim + 2 * b, &narrow, 2);
        }
      }
    }
  }
};

// A segment with its lists of rows, one for each group.
struct TestSegment {
  std::vector<std::vector<int64_t>> lists;
  kernels_segment plain = {};
  std::vector<double> head_scales;
  std::vector<uint8_t> mask;
  std::vector<kernels_run> runs;
  std::vector<int64_t> run_starts;

  TestSegment() {
    plain.key_stride = 1;
    plain.query_to = INT64_MAX;
    plain.logit_scale = 1;
  }

  const kernels_segment &wire(Cache &cache) {
    runs.clear();
    run_starts = {0};
    for (const std::vector<int64_t> &list : lists) {
      for (size_t i = 0; i < list.size(); i++) {
        const bool joins = i > 0 && list[i] == list[i - 1] + 1 && list[i] % kPageRows != 0;
        if (joins) {
          runs.back().count++;
        } else {
          runs.push_back({cache.at(0, list[i]), list[i], static_cast<int64_t>(i), 1});
        }
      }
      run_starts.push_back(static_cast<int64_t>(runs.size()));
    }
    plain.runs = runs.data();
    plain.run_starts = run_starts.data();
    plain.groups = static_cast<int64_t>(lists.size());
    plain.head_scales = head_scales.empty() ? nullptr : head_scales.data();
    plain.mask = mask.data();
    return plain;
  }

  double key_position(int64_t row, int64_t index) const {
    switch (plain.key_kind) {
      case KERNELS_POSITION_CONTIGUOUS: return static_cast<double>(plain.key_first + index);
      case KERNELS_POSITION_CONSTANT: return plain.key_position;
      case KERNELS_POSITION_STRIDED:
        return static_cast<double>(plain.key_first) +
               std::floor(static_cast<double>(row - plain.key_anchor) / static_cast<double>(plain.key_stride));
      default: return static_cast<double>(row);
    }
  }

  double query_position(int64_t row) const {
    switch (plain.query_kind) {
      case KERNELS_POSITION_CONSTANT: return plain.query_position;
      case KERNELS_POSITION_SHIFTED: return static_cast<double>(row) + plain.query_position;
      default: return static_cast<double>(row);
    }
  }

  bool allows(int64_t query, int64_t key) const {
    switch (plain.band) {
      case KERNELS_BAND_NEAR: return key <= query && query - key < plain.width;
      case KERNELS_BAND_FAR: return query - key >= plain.width;
      case KERNELS_BAND_BETWEEN: return query - key >= plain.width && query - key < plain.width_end;
      case KERNELS_BAND_TREE:
        return key < plain.width ||
               mask[static_cast<size_t>((query - plain.width) * plain.mask_width + key - plain.width)] != 0;
      default: return key <= query;
    }
  }
};

struct Case {
  std::string name;
  int64_t tokens, past, heads, kv_heads, head_dim, dtype = KERNELS_KV_F32;
  int64_t encoding = KERNELS_ROPE_HALF_SPLIT, pairs = -1;
  double factor = 1, scale = -1, soft_cap = 0, tolerance = 2e-5;
  std::vector<int64_t> spoiled;
  std::function<std::vector<TestSegment>(const Case &)> plan;

  int64_t all() const { return past + tokens; }
};

std::vector<int64_t> range(int64_t from, int64_t to, int64_t step = 1) {
  std::vector<int64_t> rows;
  for (int64_t row = from; row < to; row += step) rows.push_back(row);
  return rows;
}

std::vector<TestSegment> causal(const Case &test) {
  TestSegment segment;
  segment.lists = {range(0, test.all())};
  return {segment};
}

struct Answer {
  std::vector<double> out, log_sum_exp;
  std::vector<double> mass;       // in the order of segments, lists and their rows
  std::vector<double> head_mass;  // the same, each list once for each query head that shares it
};

void rotate(const Case &test, const std::vector<double> &frequencies, double position, std::vector<double> &x) {
  const size_t pairs = frequencies.size();
  for (size_t i = 0; i < pairs; i++) {
    const size_t a = test.encoding == KERNELS_ROPE_HALF_SPLIT ? i : 2 * i;
    const size_t b = test.encoding == KERNELS_ROPE_HALF_SPLIT ? i + pairs : 2 * i + 1;
    const double c = test.factor * std::cos(position * frequencies[i]);
    const double s = test.factor * std::sin(position * frequencies[i]);
    const double p = x[a], q = x[b];
    x[a] = p * c - q * s;
    x[b] = q * c + p * s;
  }
}

Answer slow(const Case &test, const Cache &cache, const std::vector<TestSegment> &plan,
            const std::vector<float> &queries, const std::vector<double> &frequencies, double scale) {
  Answer answer;
  const bool alibi = test.encoding == KERNELS_ALIBI;
  const size_t head_dim = static_cast<size_t>(test.head_dim), heads = static_cast<size_t>(test.heads);
  size_t columns = 0, head_columns = 0;
  for (const TestSegment &segment : plan) {
    for (const auto &list : segment.lists) {
      columns += list.size();
      head_columns += list.size() * (heads / segment.lists.size());
    }
  }
  answer.mass.assign(columns, 0);
  answer.head_mass.assign(head_columns, 0);
  for (size_t t = 0; t < static_cast<size_t>(test.tokens); t++) {
    for (size_t h = 0; h < heads; h++) {
      const int64_t query_row = test.past + static_cast<int64_t>(t);
      const size_t kv_head = h * static_cast<size_t>(test.kv_heads) / heads;
      struct Seen {
        double logit;
        size_t row, column, head_column;
      };
      std::vector<Seen> seen;
      double largest = -kInfinity;
      size_t base = 0, head_base = 0;
      for (const TestSegment &segment : plan) {
        const size_t group = h * segment.lists.size() / heads;
        const size_t sharers = heads / segment.lists.size();
        size_t column = base, head_column = head_base + (h - group * sharers) * segment.lists[group].size();
        for (size_t g = 0; g < group; g++) {
          column += segment.lists[g].size();
          head_column += segment.lists[g].size() * sharers;
        }
        for (const auto &list : segment.lists) {
          base += list.size();
          head_base += list.size() * sharers;
        }
        if (query_row < segment.plain.query_from || query_row >= segment.plain.query_to) continue;
        const double stretch = segment.head_scales.empty() ? 1 : segment.head_scales[h];
        const double at = segment.query_position(query_row) * stretch;
        const float *raw = queries.data() + (t * heads + h) * head_dim;
        std::vector<double> query(raw, raw + head_dim);
        if (!alibi) rotate(test, frequencies, at, query);
        const std::vector<int64_t> &list = segment.lists[group];
        for (size_t i = 0; i < list.size(); i++) {
          if (!segment.allows(query_row, list[i])) continue;
          const double key_at = segment.key_position(list[i], static_cast<int64_t>(i)) * stretch;
          const float *stored = cache.keys[static_cast<size_t>(list[i])].data() + kv_head * head_dim;
          std::vector<double> key(stored, stored + head_dim);
          if (!alibi) rotate(test, frequencies, key_at, key);
          double logit = 0;
          for (size_t d = 0; d < head_dim; d++) logit += query[d] * key[d];
          logit *= scale;
          if (alibi) logit -= frequencies[h] * (at - key_at);
          logit *= segment.plain.logit_scale;
          if (test.soft_cap > 0) logit = test.soft_cap * std::tanh(logit / test.soft_cap);
          if (!(logit <= largest)) largest = logit;
          seen.push_back({logit, static_cast<size_t>(list[i]), column + i, head_column + i});
        }
      }
      double sum = 0;
      for (const Seen &key : seen) sum += std::exp(key.logit - largest);
      std::vector<double> mixed(head_dim, 0);
      for (const Seen &key : seen) {
        const double p = std::exp(key.logit - largest) / sum;
        for (size_t d = 0; d < head_dim; d++) mixed[d] += p * cache.values[key.row][kv_head * head_dim + d];
        answer.mass[key.column] += p;
        answer.head_mass[key.head_column] += p;
      }
      answer.out.insert(answer.out.end(), mixed.begin(), mixed.end());
      answer.log_sum_exp.push_back(seen.empty() ? -kInfinity : largest + std::log(sum));
    }
  }
  return answer;
}

void compare(const std::string &what, const std::vector<float> &found, const std::vector<double> &expected,
             double tolerance) {
  for (size_t i = 0; i < expected.size(); i++) {
    checks++;
    const double difference = std::abs(found[i] - expected[i]);
    const bool same =
        std::isnan(expected[i]) ? std::isnan(found[i]) : found[i] == expected[i] || difference <= tolerance;
    if (same) continue;
    fail(what + "[" + std::to_string(i) + "]: " + std::to_string(found[i]) + ", expected " +
         std::to_string(expected[i]));
    return;
  }
}

void run(const Case &test, uint32_t seed) {
  Random random(seed);
  Cache cache(random, test.dtype, test.kv_heads, test.head_dim, test.all());
  for (int64_t row : test.spoiled) cache.spoil(row);
  std::vector<TestSegment> plan = test.plan(test);
  std::vector<kernels_segment> segments;
  size_t columns = 0;
  for (TestSegment &segment : plan) {
    segments.push_back(segment.wire(cache));
    for (const auto &list : segment.lists) columns += list.size();
  }
  std::vector<float> queries(static_cast<size_t>(test.tokens * test.heads * test.head_dim));
  for (float &q : queries) q = uniform(random);
  std::vector<double> frequencies;
  if (test.encoding == KERNELS_ALIBI) {
    for (int64_t h = 0; h < test.heads; h++) frequencies.push_back(0.5 / static_cast<double>(1 + h * h));
  } else {
    const int64_t pairs = test.pairs < 0 ? test.head_dim / 2 : test.pairs;
    for (int64_t i = 0; i < pairs; i++) {
      frequencies.push_back(std::pow(10000., -static_cast<double>(i) / static_cast<double>(pairs)));
    }
  }
  const double scale = test.scale < 0 ? 1 / std::sqrt(static_cast<double>(test.head_dim)) : test.scale;
  const Answer expected = slow(test, cache, plan, queries, frequencies, scale);
  const kernels_kv_layout layout = {test.dtype,      test.kv_heads,        test.head_dim,
                                    cache.row_bytes, cache.value_stride(), 2 * cache.value_stride()};
  for (int32_t isa : isas) {
    std::vector<std::vector<float>> answers;
    for (int threads : {1, 3}) {
      kernels_device *device = nullptr;
      if (kernels_open(isa, threads, &device) != KERNELS_OK) {
        fail("a device does not open");
        return;
      }
      std::vector<float> out(expected.out.size(), -7), lse(expected.log_sum_exp.size(), -7), mass(columns, -7);
      kernels_attention call = {};
      call.queries = queries.data();
      call.out = out.data();
      call.log_sum_exp = lse.data();
      call.mass = mass.data();
      call.tokens = test.tokens;
      call.heads = test.heads;
      call.first_row = test.past;
      call.scale = scale;
      call.encoding = test.encoding;
      call.frequencies = frequencies.data();
      call.pairs = test.encoding == KERNELS_ALIBI ? 0 : static_cast<int64_t>(frequencies.size());
      call.attention_factor = test.factor;
      call.layout = &layout;
      call.segments = segments.data();
      call.segment_count = static_cast<int64_t>(segments.size());
      call.soft_cap = test.soft_cap;
      const std::string name = std::string(kernels_isa_name(isa)) + ", " + test.name + ": ";
      if (kernels_attend(device, &call) != KERNELS_OK) fail(name + kernels_last_error());
      compare(name + "out", out, expected.out, test.tolerance);
      compare(name + "log-sum-exp", lse, expected.log_sum_exp, test.tolerance * 10);
      compare(name + "mass", mass, expected.mass, test.tolerance * static_cast<double>(test.heads * test.tokens));
      std::vector<float> head_mass(expected.head_mass.size(), -7);
      call.mass = head_mass.data();
      call.mass_of_heads = 1;
      if (kernels_attend(device, &call) != KERNELS_OK) fail(name + kernels_last_error());
      compare(name + "mass of heads", head_mass, expected.head_mass,
              test.tolerance * static_cast<double>(test.tokens));
      // taps change nothing
      std::vector<float> alone(out.size(), -7);
      call.out = alone.data();
      call.log_sum_exp = nullptr;
      call.mass = nullptr;
      if (kernels_attend(device, &call) != KERNELS_OK) fail(name + kernels_last_error());
      answers.push_back(out);
      answers.push_back(alone);
      kernels_close(device);
    }
    for (const std::vector<float> &answer : answers) {
      checks++;
      if (std::memcmp(answer.data(), answers[0].data(), answer.size() * 4) != 0) {
        fail(test.name + ": the result depends on the threads or taps");
      }
    }
  }
}

void run(const std::string &name, int64_t tokens, int64_t past, int64_t heads, int64_t kv_heads, int64_t head_dim,
         const std::function<void(Case &)> &more = [](Case &) {}) {
  Case test;
  test.name = name;
  test.tokens = tokens;
  test.past = past;
  test.heads = heads;
  test.kv_heads = kv_heads;
  test.head_dim = head_dim;
  test.plan = causal;
  more(test);
  run(test, static_cast<uint32_t>(tokens * 1000003 + past * 1009 + head_dim));
}

void sizes() {
  for (int64_t tokens : {1, 2, 7, 8, 9, 31, 33, 70}) run("a first block", tokens, 0, 6, 2, 8);
  for (int64_t past : {1, 7, 31, 63, 64, 65, 127, 128, 129, 600}) run("2 tokens after some", 2, past, 4, 2, 8);
  for (int64_t head_dim : {2, 4, 6, 8, 10, 16, 32, 34, 64, 80, 96, 128, 256}) {
    for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
      for (int64_t tokens : {1, 5, 17}) {
        run("a head of " + std::to_string(head_dim), tokens, 75, 2, 1, head_dim, [&](Case &c) { c.dtype = dtype; });
      }
    }
  }
  for (int64_t heads : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16}) {
    run("heads that share keys", 1, 70, heads, 1, 16);
    run("heads that share keys", 4, 70, heads, 1, 16);
  }
  for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
    run("one token after thousands", 1, 3000, 4, 2, 64, [&](Case &c) { c.dtype = dtype; });
  }
  run("a few tokens after thousands", 3, 2000, 2, 1, 16);
  run("more rows than a unit has", 300, 10, 4, 2, 4);
}

TestSegment segment_of(std::vector<int64_t> rows, int64_t band = KERNELS_BAND_CAUSAL, int64_t width = 0) {
  TestSegment segment;
  segment.lists = {std::move(rows)};
  segment.plain.band = band;
  segment.plain.width = width;
  return segment;
}

void corners() {
  for (int64_t tokens : {1, 9}) {
    run("large logits", tokens, 60, 4, 2, 8, [](Case &c) {
      c.scale = 1000;
      c.tolerance = 5e-3;
    });
    run("large logits under a soft cap", tokens, 60, 4, 2, 8, [](Case &c) {
      c.scale = 30;
      c.soft_cap = 5;
    });
    run("a soft cap, heads of 64", tokens, 160, 4, 2, 64, [](Case &c) {
      c.scale = 4;
      c.soft_cap = 50;
      c.dtype = KERNELS_KV_F16;
      c.tolerance = 5e-5;
    });
    run("distances between two bounds", tokens, 200, 4, 2, 16, [](Case &c) {
      c.plan = [](const Case &t) -> std::vector<TestSegment> {
        TestSegment ring = segment_of(range(0, t.all()), KERNELS_BAND_BETWEEN, 5);
        ring.plain.width_end = 70;
        return {ring, segment_of(range(0, t.all()), KERNELS_BAND_NEAR, 3)};
      };
    });
    run("no row", tokens, 60, 4, 2, 8, [](Case &c) { c.plan = [](const Case &) -> std::vector<TestSegment> {
      return {segment_of({})};
    }; });
    for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
      run("a row that is NaN", tokens, 60, 4, 2, 8, [&](Case &c) {
        c.dtype = dtype;
        c.spoiled = {60 + tokens / 2};
        c.plan = [](const Case &t) -> std::vector<TestSegment> {
          return {segment_of(range(0, t.all()), KERNELS_BAND_NEAR, 3)};
        };
      });
      run("a row that is NaN in a tree", tokens, 60, 4, 2, 8, [&](Case &c) {
        c.dtype = dtype;
        c.spoiled = {60};
        c.plan = [](const Case &t) -> std::vector<TestSegment> {
          TestSegment tree = segment_of(range(0, t.all()), KERNELS_BAND_TREE, t.past);
          tree.plain.mask_width = t.tokens;
          for (int64_t i = 0; i < t.tokens * t.tokens; i++) {
            tree.mask.push_back(i % t.tokens == i / t.tokens || (i % t.tokens == 0 && i / t.tokens % 3 == 0));
          }
          return {tree};
        };
      });
    }
    run("positions near 2e8", tokens, 300, 4, 2, 16, [](Case &c) {
      c.plan = [](const Case &t) -> std::vector<TestSegment> {
        TestSegment all = segment_of(range(0, t.all()));
        all.plain.key_kind = KERNELS_POSITION_CONTIGUOUS;
        all.plain.key_first = 200000000;
        all.plain.query_kind = KERNELS_POSITION_SHIFTED;
        all.plain.query_position = 2e8;
        return {all};
      };
    });
    run("positions where float64 has no fractions", tokens, 100, 4, 2, 16, [](Case &c) {
      c.tolerance = 1e-3;
      c.plan = [](const Case &t) -> std::vector<TestSegment> {
        TestSegment all = segment_of(range(0, t.all()));
        all.plain.key_kind = KERNELS_POSITION_CONSTANT;
        all.plain.key_position = 1e12;
        all.plain.query_kind = KERNELS_POSITION_CONSTANT;
        all.plain.query_position = 1e12 + 5;
        return {all};
      };
    });
  }
}

// Everything at once, by chance.
void draw(uint32_t seed) {
  Random random(seed);
  Case test;
  test.name = "drawn by " + std::to_string(seed);
  test.tokens = pick(random, 0, 2) == 0 ? 1 : pick(random, 1, 40);
  test.past = pick(random, 0, 3) == 0 ? pick(random, 0, 1200) : pick(random, 0, 150);
  test.kv_heads = pick(random, 1, 3);
  test.heads = test.kv_heads * pick(random, 1, 5);
  test.head_dim = pick(random, 0, 1) == 0 ? 16 * pick(random, 1, 4) : 2 * pick(random, 1, 20);
  test.dtype = pick(random, 0, 2);
  test.encoding = pick(random, 0, 5) == 0 ? int64_t{KERNELS_ALIBI} : pick(random, 0, 1);
  if (pick(random, 0, 2) == 0) test.pairs = pick(random, 0, test.head_dim / 2);
  if (pick(random, 0, 2) == 0) test.factor = 1.2;
  // distances of a thousand under a bias
  if (test.encoding == KERNELS_ALIBI) test.tolerance = 5e-4;
  for (int64_t i = pick(random, -3, 2); i > 0; i--) test.spoiled.push_back(pick(random, 0, test.all() - 1));
  test.plan = [&random](const Case &t) {
    std::vector<TestSegment> plan;
    for (int64_t s = pick(random, 1, 3); s > 0; s--) {
      TestSegment segment;
      const int64_t choice = pick(random, 0, 2);
      const int64_t groups = choice == 0 ? 1 : choice == 1 ? t.kv_heads : t.heads;
      for (int64_t g = 0; g < groups; g++) {
        std::vector<int64_t> rows;
        const int64_t shape = pick(random, 0, 3);
        for (int64_t row = 0; row < t.all();) {
          const int64_t length = shape == 0 ? t.all() : shape == 1 ? pick(random, 1, 90) : shape == 2 ? 1 : 32;
          for (int64_t i = 0; i < length && row < t.all(); i++) rows.push_back(row++);
          row += shape == 0 ? 0 : pick(random, 1, shape == 3 ? 100 : 6);
        }
        segment.lists.push_back(pick(random, 0, 9) == 0 ? std::vector<int64_t>() : rows);
      }
      kernels_segment &plain = segment.plain;
      plain.key_kind = pick(random, 0, 3);
      plain.key_anchor = pick(random, -5, 100);
      plain.key_first = pick(random, 0, 2) == 0 ? 100000000 : pick(random, -50, 50);
      plain.key_stride = pick(random, 1, 9);
      plain.key_position = 0.25 * static_cast<double>(pick(random, -40, 400));
      plain.query_kind =
          std::vector<int64_t>{KERNELS_POSITION_TRUE, KERNELS_POSITION_CONSTANT,
                               KERNELS_POSITION_SHIFTED}[static_cast<size_t>(pick(random, 0, 2))];
      plain.query_position = 0.5 * static_cast<double>(pick(random, -100, 1000));
      plain.band = pick(random, 0, 4);
      plain.width_end = pick(random, 0, 120);
      plain.width = pick(random, 0, 9) == 0 && plain.band == KERNELS_BAND_NEAR ? INT64_MAX : pick(random, 0, 80);
      if (t.encoding == KERNELS_ALIBI && plain.key_first > 50) plain.key_first = 7;
      if (plain.band == KERNELS_BAND_TREE) {
        plain.width = t.past;
        plain.mask_width = t.tokens;
        for (int64_t i = 0; i < t.tokens * t.tokens; i++) segment.mask.push_back(random() & 1);
      }
      if (pick(random, 0, 2) == 0) plain.query_from = pick(random, 0, t.all());
      if (pick(random, 0, 2) == 0) plain.query_to = pick(random, 0, t.all());
      if (pick(random, 0, 3) == 0) {
        for (int64_t h = 0; h < t.heads; h++) segment.head_scales.push_back(1 - 0.07 * static_cast<double>(h));
      }
      plain.logit_scale = pick(random, 0, 2) == 0 ? 1.3 : 1;
      plan.push_back(segment);
    }
    return plan;
  };
  run(test, seed);
}

}  // namespace

int main(int count, char **arguments) {
  isas = isas_of(count, arguments);
  sizes();
  corners();
  for (uint32_t seed = 1; seed <= 150; seed++) draw(seed);
  std::printf("attend: %lld checks, %d failed\n", static_cast<long long>(checks), failures);
  return failures == 0 ? 0 : 1;
}
