// Sketches of pages on a card, and the search for the best keys that reads only what they do not rule out: sketches
// against their keys in float64, answers against those without sketches, bit for bit, and against sums in float64. Pages
// without a sketch, first pages that are cut and last ones that go on, keys and queries that are no finite numbers.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cuda/card_device.h"
#include "kv_rows.h"
#include "sketch.h"
#include "stored.h"

namespace {

using longform::SketchLayout;
using longform::card::CardDevice;
using longform::card::Units;
using longform::test::check;
using longform::test::end;
using longform::test::expect;
using longform::test::number;

constexpr int64_t kPage = KERNELS_SKETCH_ROWS;

int64_t scored = 0, pairs = 0; // of all searches with sketches

std::mt19937 draws(17);
float gaussian() { return std::normal_distribution<float>()(draws); }

enum class Keys { kGaussian, kClustered, kWhole, kEqual, kSpoiled, kHuge, kTiny, kDenormal, kLadder, kUneven };
enum class Queries { kGaussian, kSpoiled, kHuge, kTiny, kZero, kUneven, kWhole };
// Which pages have a sketch.
enum class Sketched { kFull, kSome, kNone };

struct Case {
  int64_t dtype, dim, sharers, queries, count;
  Keys keys = Keys::kGaussian;
  Queries asking = Queries::kGaussian;
  Sketched sketched = Sketched::kFull;
  int64_t first = 0; // row of its page that the first candidate is
  int64_t k = 4, kv_heads = 2, pairing = KERNELS_PAIRING_GROUP;

  int64_t heads() const { return sharers * kv_heads; }
  std::string name() const {
    return "dtype " + std::to_string(dtype) + ", " + std::to_string(queries) + " queries of " +
           std::to_string(heads()) + "/" + std::to_string(kv_heads) + " heads of " + std::to_string(dim) + ", " +
           std::to_string(count) + " keys from " + std::to_string(first) + ", kinds " +
           std::to_string(static_cast<int>(keys)) + ", " + std::to_string(static_cast<int>(asking)) + ", " +
           std::to_string(static_cast<int>(sketched)) + ", k " + std::to_string(k);
  }
};

void draw_key(const Case &test, int64_t row, const std::vector<float> &centre, char *to) {
  std::vector<float> x(static_cast<size_t>(test.dim));
  for (size_t d = 0; d < x.size(); d++) {
    switch (test.keys) {
      case Keys::kClustered: x[d] = centre[d] + 0.3f * gaussian(); break;
      case Keys::kWhole: x[d] = std::floor(2.5f * gaussian()); break;
      case Keys::kEqual: x[d] = 0.25f * static_cast<float>(d % 5) - 0.3f; break;
      case Keys::kHuge: x[d] = (row % 5 == 0 ? 1e30f : 1e15f) * gaussian(); break;
      case Keys::kTiny: x[d] = 1e-9f * gaussian(); break;
      case Keys::kDenormal: x[d] = 1e-25f * gaussian(); break;
      // steps smaller than a sketch can see
      case Keys::kLadder: x[d] = 1 + (d == 0 ? 1e-4f * static_cast<float>(row * 7919 % 1000) : 0); break;
      case Keys::kUneven: x[d] = d % 7 == 0 ? gaussian() : 1e3f * gaussian(); break;
      default: x[d] = gaussian();
    }
  }
  longform::kv::store_row(test.dtype, x.data(), test.dim, to);
  if (test.keys != Keys::kSpoiled || row % 90 > 2) return;
  if (test.dtype == KERNELS_KV_F32) {
    const float odd = row % 90 == 0 ? INFINITY : row % 90 == 1 ? -INFINITY : std::nanf("");
    std::memcpy(to + 4 * (row % test.dim), &odd, sizeof odd);
    return;
  }
  const uint16_t odd = row % 90 == 0 ? 0x7c00 : row % 90 == 1 ? 0xfc00 : 0x7e00;
  const int64_t at = test.dtype == KERNELS_KV_F16 ? 2 * (row % test.dim) : test.dim + row % test.dim / 32 * 2;
  std::memcpy(to + at, &odd, sizeof odd);
}

// Pages on a card, each a block of its own, and the same on the host.
struct Cache {
  CardDevice &card;
  const Case &test;
  kernels_kv_layout layout;
  int64_t page_bytes, sketch_bytes;
  std::vector<std::vector<char>> pages;
  std::vector<char *> held, sketches;
  std::vector<kernels_run> runs;
  void *run_list = nullptr, *sketch_list = nullptr;

  Cache(CardDevice &on, const Case &of) : card(on), test(of) {
    const int64_t dim = test.dim, rows = test.first + test.count;
    const int64_t bytes = test.dtype == KERNELS_KV_F32   ? 4 * dim
                          : test.dtype == KERNELS_KV_F16 ? 2 * dim
                                                         : dim + (dim + 31) / 32 * 2;
    layout = {test.dtype, test.kv_heads, dim, bytes, kPage * bytes, 2 * kPage * bytes};
    page_bytes = 2 * kPage * bytes * test.kv_heads;
    sketch_bytes = kernels_sketch_bytes(dim) * test.kv_heads;
    std::vector<float> centre(static_cast<size_t>(dim));
    std::vector<kernels_sketch_page> wanted;
    std::vector<const char *> addresses;
    for (int64_t p = 0; p * kPage < rows; p++) {
      if (p % 3 == 0) {
        for (float &x : centre) x = 5 * gaussian();
      }
      std::vector<char> page(static_cast<size_t>(page_bytes));
      for (int64_t i = 0; i < 2 * kPage * test.kv_heads; i++) {
        draw_key(test, p * kPage + i % kPage, centre, page.data() + i * bytes);
      }
      char *there = static_cast<char *>(card.take(page_bytes));
      card.copy(there, page.data(), page_bytes);
      const int64_t skipped = p == 0 ? test.first : 0;
      // the last one goes on beyond the candidates
      runs.push_back({there + skipped * bytes, 1000 + p * kPage + skipped, p * kPage + skipped - test.first,
                      kPage - skipped});
      const bool last = (p + 1) * kPage >= rows && p % 2 == 0;
      const bool wants = test.sketched == Sketched::kFull ? !last : test.sketched == Sketched::kSome && p % 3 == 1;
      char *sketch = nullptr;
      if (wants && skipped == 0) {
        sketch = static_cast<char *>(card.take(sketch_bytes));
        wanted.push_back({there, sketch});
      }
      pages.push_back(std::move(page));
      held.push_back(there);
      sketches.push_back(sketch);
      addresses.push_back(sketch);
    }
    card.sketch(layout, wanted.data(), static_cast<int64_t>(wanted.size()));
    run_list = to_card(runs.data(), static_cast<int64_t>(runs.size() * sizeof(kernels_run)));
    sketch_list = to_card(addresses.data(), static_cast<int64_t>(addresses.size() * sizeof(char *)));
  }

  ~Cache() {
    for (char *page : held) card.release(page);
    for (char *sketch : sketches) {
      if (sketch != nullptr) card.release(sketch);
    }
    card.release(run_list);
    card.release(sketch_list);
  }

  void *to_card(const void *from, int64_t bytes) {
    void *there = card.take(bytes);
    card.copy(there, from, bytes);
    return there;
  }

  // The key of a candidate.
  const char *key(int64_t place, int64_t kv_head) const {
    const int64_t row = test.first + place;
    return pages[static_cast<size_t>(row / kPage)].data() + kv_head * layout.head_stride + row % kPage * layout.row_bytes;
  }
};

std::vector<float> questions(const Case &test) {
  std::vector<float> queries(static_cast<size_t>(test.queries * test.heads() * test.dim));
  const size_t dim = static_cast<size_t>(test.dim);
  for (size_t i = 0; i < queries.size(); i++) {
    const size_t row = i / dim;
    queries[i] = test.asking == Queries::kWhole ? std::floor(2.5f * gaussian()) : gaussian();
    if (test.asking == Queries::kSpoiled && i % dim == row % dim && row % 4 != 3) {
      queries[i] = row % 4 == 0 ? INFINITY : row % 4 == 1 ? -INFINITY : std::nanf("");
    }
    if (test.asking == Queries::kHuge) queries[i] *= row % 2 == 0 ? 1e33f : 1e20f;
    if (test.asking == Queries::kTiny) queries[i] *= row % 2 == 0 ? 1e-38f : 1e-20f;
    if (test.asking == Queries::kZero && row % 2 == 0) queries[i] = 0;
    if (test.asking == Queries::kUneven && i % 7 != 0) queries[i] *= 1e-4f;
  }
  return queries;
}

// Each row of a sketch is no further from its key than it says, and not much nearer.
void check_sketches(const Cache &cache) {
  const Case &test = cache.test;
  const SketchLayout layout(test.dim);
  std::vector<char> sketch(static_cast<size_t>(cache.sketch_bytes));
  const auto half = [](const char *at, int64_t i) {
    uint16_t bits;
    std::memcpy(&bits, at + 2 * i, sizeof bits);
    return bits == 0x7c00 ? INFINITY : longform::kv::float_of_scale(bits & 0x7fff) * ((bits & 0x8000) != 0 ? -1. : 1.);
  };
  for (size_t p = 0; p < cache.pages.size(); p++) {
    if (cache.sketches[p] == nullptr) continue;
    cache.card.copy(sketch.data(), cache.sketches[p], cache.sketch_bytes);
    for (int64_t g = 0; g < test.kv_heads; g++) {
      const char *of = sketch.data() + g * layout.bytes;
      longform::SketchHeader header;
      std::memcpy(&header, of + layout.header, sizeof header);
      for (int64_t row = 0; row < kPage; row++) {
        const char *key = cache.pages[p].data() + g * cache.layout.head_stride + row * cache.layout.row_bytes;
        double left = 0, sizes = 0, norm = 0;
        for (int64_t d = 0; d < test.dim; d++) {
          const int byte = static_cast<unsigned char>(of[d / 4 * 128 + row / 32 * 64 + row % 16 * 4 + d % 4]);
          const double centred = (row % 32 < 16 ? byte & 15 : byte >> 4) - 7.5;
          const double x = number(test.dtype, test.dim, key, d);
          const double rest = x - (half(of + layout.mean, d) + half(of + layout.scale, row) * centred);
          left += rest * rest;
          sizes += centred * centred;
          norm += x * x;
        }
        const double slack = half(of + layout.slack, row), distance = std::sqrt(left);
        const auto what = [&] {
          return test.name() + ": page " + std::to_string(p) + ", row " + std::to_string(row) + ": slack " +
                 std::to_string(slack) + " of " + std::to_string(distance);
        };
        check(!(distance > slack) || slack == INFINITY, what);
        check(std::isfinite(norm) || slack == INFINITY, what);
        check(std::sqrt(sizes) <= header.codes_norm, what);
        const bool plain = test.keys == Keys::kGaussian || test.keys == Keys::kClustered;
        if (plain) check(slack <= 1.01 * distance + 2e-4 * (std::sqrt(norm) + 30) + 1e-6, what);
      }
    }
  }
}

struct Answer {
  std::vector<int64_t> rows, tokens;
  std::vector<float> scores;
  int64_t rescored = 0;
};

Answer ask(CardDevice &card, const Case &test, const Cache &cache, const std::vector<float> &queries, bool sketched) {
  Answer answer;
  answer.rows.assign(static_cast<size_t>(test.heads() * test.queries * test.k), -7);
  answer.scores.assign(answer.rows.size(), -7);
  kernels_top_keys_request request = {};
  request.queries = queries.data();
  request.query_count = test.queries;
  request.heads = test.heads();
  request.layout = &cache.layout;
  request.runs = static_cast<const kernels_run *>(cache.run_list);
  request.resident = 1;
  request.run_count = static_cast<int64_t>(cache.runs.size());
  request.from = cache.runs[0].row;
  request.to = request.from + test.count;
  request.k = test.k;
  request.pairing = test.pairing;
  request.block_rows = 1;
  request.sketches = sketched ? static_cast<const char *const *>(cache.sketch_list) : nullptr;
  request.rows = answer.rows.data();
  request.scores = answer.scores.data();
  request.rescored = &answer.rescored;
  card.top_keys(request);
  // as many as there may be
  answer.tokens.assign(answer.rows.size(), -7);
  int64_t count = 0;
  kernels_votes_request votes = {};
  votes.keys = &request;
  votes.limit = static_cast<int64_t>(answer.tokens.size());
  votes.tokens = answer.tokens.data();
  votes.count = &count;
  card.votes(votes);
  card.finish();
  answer.tokens.resize(static_cast<size_t>(count));
  return answer;
}

// Scores against sums in float64, and none that is better left out.
void check_scores(const Case &test, const Cache &cache, const std::vector<float> &queries, const Answer &answer) {
  for (int64_t at = 0; at < test.heads() * test.queries; at++) {
    const int64_t head = at / test.queries, t = at % test.queries;
    const int64_t g = test.pairing == KERNELS_PAIRING_MODULO ? head % test.kv_heads : head / test.sharers;
    const float *query = queries.data() + (t * test.heads() + head) * test.dim;
    const int64_t *rows = answer.rows.data() + at * test.k;
    double least = INFINITY;
    std::vector<bool> named(static_cast<size_t>(test.count));
    std::vector<double> scores, units;
    for (int64_t place = 0; place < test.count; place++) {
      double sum = 0, size = 0;
      for (int64_t d = 0; d < test.dim; d++) {
        const double product = static_cast<double>(query[d]) * number(test.dtype, test.dim, cache.key(place, g), d);
        sum += product;
        size += std::fabs(product);
      }
      scores.push_back(sum);
      units.push_back(size / 16777216 + 1e-44);
    }
    for (int64_t j = 0; j < test.k; j++) {
      const int64_t place = rows[j] - cache.runs[0].row;
      const bool sound = place >= 0 && place < test.count && !named[static_cast<size_t>(place)];
      check(sound, [&] { return test.name() + ": row " + std::to_string(rows[j]) + " is none, or named twice"; });
      if (!sound) return;
      named[static_cast<size_t>(place)] = true;
      const double score = scores[static_cast<size_t>(place)], unit = units[static_cast<size_t>(place)];
      check(std::fabs(answer.scores[static_cast<size_t>(at * test.k + j)] - score) <= 16 * unit,
            [&] { return test.name() + ": wrong score"; });
      least = std::min(least, score + 16 * unit);
    }
    for (size_t i = 0; i < scores.size(); i++) {
      check(named[i] || scores[i] - 16 * units[i] <= least,
            [&] { return test.name() + ": row " + std::to_string(i) + " is missing"; });
    }
  }
}

// Which share of the keys was scored.
double compare(CardDevice &card, Case test) {
  test.k = std::min(test.k, test.count);
  const Cache cache(card, test);
  const std::vector<float> queries = questions(test);
  check_sketches(cache);
  const Answer plain = ask(card, test, cache, queries, false), found = ask(card, test, cache, queries, true);
  check(found.rows == plain.rows, [&] { return test.name() + ": other rows with sketches"; });
  check(std::memcmp(found.scores.data(), plain.scores.data(), plain.scores.size() * sizeof(float)) == 0,
        [&] { return test.name() + ": other scores with sketches"; });
  check(found.tokens == plain.tokens, [&] { return test.name() + ": other votes with sketches"; });
  const int64_t all = test.heads() * test.queries * test.count;
  check(plain.rescored == all, [&] { return test.name() + ": scores counted wrongly without sketches"; });
  check(found.rescored > 0 && found.rescored <= all, [&] { return test.name() + ": scores counted wrongly"; });
  const bool finite = test.keys != Keys::kSpoiled && test.asking != Queries::kSpoiled && test.keys != Keys::kHuge &&
                      test.asking != Queries::kHuge;
  if (finite) check_scores(test, cache, queries, found);
  scored += found.rescored;
  pairs += all;
  return static_cast<double>(found.rescored) / static_cast<double>(all);
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot search with sketches: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  CardDevice cores(longform::card::open_card(0), Units::kTensorCores);
  CardDevice ordinary(longform::card::open_card(0), Units::kOrdinary);
  const int64_t dtypes[] = {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8};
  for (CardDevice *card : {&cores, &ordinary}) {
    // sizes: rows of queries, keys, first rows and heads in turns that meet differently
    const int64_t counts[] = {1, 31, 65, 130, 700}, firsts[] = {0, 1, 33, 63}, rows[] = {1, 2, 3, 4, 5, 7, 8, 9, 16};
    int64_t turn = 0;
    for (int64_t dtype : dtypes) {
      if (card == &ordinary && dtype == KERNELS_KV_F32) continue; // which tensor cores leave to ordinary units
      for (int64_t dim : {32, 33, 40, 64, 80, 96, 128, 160, 256}) {
        for (int i = 0; i < 2; i++, turn++) {
          const int64_t all = rows[turn % 9], sharers = all % 2 == 0 ? 2 : 1;
          Case test = {dtype, dim, sharers, all / sharers, counts[turn % 5]};
          test.first = firsts[turn % 4];
          test.sketched = turn % 3 == 0 ? Sketched::kSome : Sketched::kFull;
          test.k = 1 + turn % 4;
          test.pairing = turn % 2 == 0 ? KERNELS_PAIRING_GROUP : KERNELS_PAIRING_MODULO;
          compare(*card, test);
        }
      }
      const Keys odd_keys[] = {Keys::kClustered, Keys::kWhole, Keys::kEqual,    Keys::kSpoiled, Keys::kHuge,
                               Keys::kTiny,      Keys::kDenormal, Keys::kLadder, Keys::kUneven};
      for (Keys keys : odd_keys) {
        Case test = {dtype, 64, 2, 1, 500, keys};
        test.first = 20;
        if (keys == Keys::kWhole) test.asking = Queries::kWhole;
        const double share = compare(*card, test);
        // of what is the same the first rows are wanted, and all may be
        if (keys == Keys::kEqual) expect(share == 1, test.name() + ": equal keys were not all scored");
        test.dim = 96;
        test.queries = 3;
        compare(*card, test);
      }
      for (Queries asking : {Queries::kSpoiled, Queries::kHuge, Queries::kTiny, Queries::kZero, Queries::kUneven}) {
        Case test = {dtype, 64, 4, 1, 500, Keys::kGaussian, asking};
        compare(*card, test);
        test.keys = Keys::kTiny;
        test.queries = 2;
        compare(*card, test);
      }
      Case none = {dtype, 64, 4, 1, 300};
      none.sketched = Sketched::kNone;
      expect(compare(*card, none) == 1, none.name() + ": keys were skipped that nothing is known of");
    }
  }
  // what sketches are for: of keys that differ few are scored
  Case many = {KERNELS_KV_F16, 32, 1, 1, 40000};
  many.kv_heads = many.k = 1;
  const double random = compare(cores, many);
  expect(random < 0.2, "of random keys " + std::to_string(random) + " were scored");
  many = {KERNELS_KV_F16, 128, 4, 1, 9000, Keys::kClustered};
  many.kv_heads = 1;
  const double clustered = compare(cores, many);
  expect(clustered < 0.2, "of clustered keys " + std::to_string(clustered) + " were scored");
  char shares[128];
  std::snprintf(shares, sizeof shares, ", %.3f of %lld scores made; of random keys %.3f, of clustered ones %.3f",
                static_cast<double>(scored) / static_cast<double>(pairs), static_cast<long long>(pairs), random, clustered);
  return end("sketches", shares);
}
