// The best keys by tensor cores against the same by ordinary units and against sums in float64: awkward numbers of
// queries, heads and keys, ties, norms, keys and queries that are no finite numbers. Numbers that are small and whole
// are to give the very rows and scores.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cuda/card_device.h"
#include "kv_rows.h"

namespace {

using longform::card::CardDevice;
using longform::card::Units;
using longform::test::check;
using longform::test::end;
using longform::test::expect;

int64_t by_cores = 0;   // answers that are not those of ordinary units, bit for bit: tensor cores made them
double worst_error = 0; // of a score of theirs, in 2^-24 of what its products sum up to without their signs
double worst_ordinary = 0;

std::mt19937 draws(31);
float uniform() { return std::uniform_real_distribution<float>(-1, 1)(draws); }

enum class Numbers { kDrawn, kWhole, kSpoiledKeys, kSpoiledQueries, kLarge, kSmall, kUneven, kNear, kRounded };

// of 1, to float16
constexpr float kRoundedOff = 0.49f / 1024;

struct Case {
  int64_t dtype, dim, sharers, queries, count;
  Numbers numbers = Numbers::kDrawn;
  int64_t kv_heads = 2, k = 4;
  int64_t pairing = KERNELS_PAIRING_GROUP, norm = KERNELS_NORM_NONE, block_rows = 1;

  int64_t heads() const { return sharers * kv_heads; }
  std::string name() const {
    std::string text = "dtype " + std::to_string(dtype) + ", " + std::to_string(queries) + " queries of " +
                       std::to_string(heads()) + "/" + std::to_string(kv_heads) + " heads of " + std::to_string(dim) +
                       ", " + std::to_string(count) + " keys, numbers " + std::to_string(static_cast<int>(numbers));
    return text + ", pairing " + std::to_string(pairing) + ", norm " + std::to_string(norm);
  }
};

// Rows of a cache, [head][key or value][row], in two runs that do not follow each other.
struct Cache {
  std::vector<char> memory;
  kernels_kv_layout layout;
  std::vector<kernels_run> runs;

  explicit Cache(const Case &test) {
    const int64_t gap = 3, rows = test.count + 2 * gap, dim = test.dim;
    const int64_t bytes = test.dtype == KERNELS_KV_F32   ? 4 * dim
                          : test.dtype == KERNELS_KV_F16 ? 2 * dim
                                                         : dim + (dim + 31) / 32 * 2;
    layout = {test.dtype, test.kv_heads, dim, bytes, rows * bytes, 2 * rows * bytes};
    memory.resize(static_cast<size_t>(2 * test.kv_heads * rows * bytes));
    for (int64_t i = 0; i < 2 * test.kv_heads * rows; i++) fill(test, i % rows, memory.data() + i * bytes);
    const int64_t first = test.count / 3;
    if (first > 0) runs.push_back({memory.data(), 5, 0, first});
    // the last one goes on beyond the candidates
    runs.push_back({memory.data() + (first + gap) * bytes, 5 + first, first, test.count - first + gap});
  }

  static void fill(const Case &test, int64_t row, char *to) {
    std::vector<float> x(static_cast<size_t>(test.dim));
    for (float &v : x) v = test.numbers == Numbers::kWhole ? std::floor(2.5f * uniform()) : uniform();
    if (test.numbers == Numbers::kLarge && row % 5 == 0) {
      for (float &v : x) v *= 6e4f;
    }
    if (test.numbers == Numbers::kSmall) {
      for (float &v : x) v *= 1e-5f;
    }
    if (test.numbers == Numbers::kUneven) {
      for (size_t d = 0; d < x.size(); d++) x[d] *= d % 7 == 0 ? 1 : 6e3f;
    }
    // scores that differ by less than the first pieces of queries tell
    if (test.numbers == Numbers::kNear) {
      for (size_t d = 0; d < x.size(); d++) {
        const bool own = row % test.dim == static_cast<int64_t>(d);
        x[d] = std::sin(static_cast<float>(d + 1)) + (own ? x[d] / 64 : 0);
      }
    }
    // of eight keys half have scores of dim / 2, and of the next eight, at first, one has more: all that queries lost when
    // they were rounded adds to it, and without that it is behind those
    if (test.numbers == Numbers::kRounded) {
      const bool found = row % 16 == 15 && row < 128, plain = row % 16 < 4;
      for (size_t d = 0; d < x.size(); d++) x[d] = found && d % 2 == 1 ? 1 : plain && d % 2 == 0 ? 0.5f : 0;
      if (found) x[1] -= 0.7f * kRoundedOff * static_cast<float>(test.dim / 2);
    }
    // a scale of one, so that bytes are the numbers
    if (test.numbers == Numbers::kWhole && test.dtype == KERNELS_KV_Q8) {
      for (size_t d = 0; d < x.size(); d += 32) x[d] = 127;
    }
    longform::kv::store_row(test.dtype, x.data(), test.dim, to);
    if (test.numbers != Numbers::kSpoiledKeys || row % 4 == 3) return;
    // float16: infinity, minus infinity, NaN
    const uint16_t odd = row % 4 == 0 ? 0x7c00 : row % 4 == 1 ? 0xfc00 : 0x7e00;
    const int64_t dim = row % test.dim, at = test.dtype == KERNELS_KV_F16 ? 2 * dim : test.dim + dim / 32 * 2;
    std::memcpy(to + at, &odd, sizeof odd);
    if (test.dtype == KERNELS_KV_F16 && row % 8 == 0) std::memcpy(to + (at + 2) % (2 * test.dim), &odd, sizeof odd);
  }

  const char *row(int64_t place, int64_t kv_head) const {
    const kernels_run &run = runs[place < runs[0].count ? 0 : 1];
    return run.key + (place - run.index) * layout.row_bytes + kv_head * layout.head_stride;
  }
};

double number(int64_t dtype, int64_t dim, const char *row, int64_t d) {
  if (dtype == KERNELS_KV_F32) return reinterpret_cast<const float *>(row)[d];
  uint16_t half;
  std::memcpy(&half, row + (dtype == KERNELS_KV_F16 ? 2 * d : dim + d / 32 * 2), sizeof half);
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const double wide = longform::kv::float_of_scale(half & 0x7fff) * (sign != 0 ? -1. : 1.);
  return dtype == KERNELS_KV_F16 ? wide : wide * static_cast<double>(static_cast<signed char>(row[d]));
}

std::vector<float> questions(const Case &test) {
  std::vector<float> queries(static_cast<size_t>(test.queries * test.heads() * test.dim));
  for (float &x : queries) x = test.numbers == Numbers::kWhole ? std::floor(2.5f * uniform()) : 3 * uniform();
  const size_t dim = static_cast<size_t>(test.dim);
  for (size_t i = 0; i < queries.size(); i++) {
    const size_t row = i / dim;
    if (test.numbers == Numbers::kSpoiledQueries && i % dim == row % dim && row % 4 != 3) {
      queries[i] = row % 4 == 0 ? INFINITY : row % 4 == 1 ? -INFINITY : std::nanf("");
    }
    if (test.numbers == Numbers::kRounded) queries[i] = i % 2 == 1 ? 1 + kRoundedOff : 2;
    if (test.numbers == Numbers::kLarge) queries[i] *= row % 2 == 0 ? 1e32f : 1e9f;
    if (test.numbers == Numbers::kSmall) queries[i] *= row % 2 == 0 ? 1e-30f : 1e-9f;
    if (test.numbers == Numbers::kUneven && i % 7 != 0) queries[i] *= 1e-4f;
  }
  return queries;
}

struct Answer {
  std::vector<int64_t> rows;
  std::vector<float> scores;
};

Answer ask(CardDevice &card, const Case &test, const Cache &cache, const std::vector<float> &queries,
           const kernels_run *resident = nullptr) {
  Answer answer;
  answer.rows.assign(static_cast<size_t>(test.heads() * test.queries * test.k), -7);
  answer.scores.assign(answer.rows.size(), -7);
  int64_t rescored = 0;
  kernels_top_keys_request request = {};
  request.queries = queries.data();
  request.query_count = test.queries;
  request.heads = test.heads();
  request.layout = &cache.layout;
  request.runs = resident != nullptr ? resident : cache.runs.data();
  request.resident = resident != nullptr;
  request.run_count = static_cast<int64_t>(cache.runs.size());
  request.from = 5;
  request.to = 5 + test.count;
  request.k = test.k;
  request.pairing = test.pairing;
  request.key_norm = test.norm;
  request.block_rows = test.block_rows;
  request.rows = answer.rows.data();
  request.scores = answer.scores.data();
  request.rescored = &rescored;
  card.top_keys(request);
  card.finish();
  expect(rescored == test.heads() * test.queries * test.count, test.name() + ": scores counted wrongly");
  return answer;
}

// The same of keys, and a list of them, that lie on the card already.
Answer ask_resident(CardDevice &card, const Case &test, const Cache &cache, const std::vector<float> &queries) {
  const int64_t bytes = static_cast<int64_t>(cache.memory.size());
  const int64_t list_bytes = static_cast<int64_t>(cache.runs.size() * sizeof(kernels_run));
  char *memory = static_cast<char *>(card.allocate(bytes));
  void *list = card.allocate(list_bytes);
  std::vector<kernels_run> runs = cache.runs;
  for (kernels_run &run : runs) run.key = memory + (run.key - cache.memory.data());
  card.copy(memory, cache.memory.data(), bytes);
  card.copy(list, runs.data(), list_bytes);
  const Answer answer = ask(card, test, cache, queries, static_cast<const kernels_run *>(list));
  card.release(memory);
  card.release(list);
  return answer;
}

// The score of a key in float64, and the sum of its products without their signs.
struct Exact {
  double score, size;
};

Exact exact(const Case &test, const Cache &cache, const float *query, int64_t head, int64_t place) {
  const int64_t g = test.pairing == KERNELS_PAIRING_MODULO ? head % test.kv_heads : head / test.sharers;
  const char *key = cache.row(place, g);
  double sum = 0, size = 0, absolute = 0, squares = 0;
  for (int64_t d = 0; d < test.dim; d++) {
    const double product = static_cast<double>(query[d]) * number(test.dtype, test.dim, key, d);
    sum += product;
    size += std::fabs(product);
    if (test.norm == KERNELS_NORM_NONE) continue;
    const double v = number(test.dtype, test.dim, key + cache.layout.value_stride, d);
    absolute += std::fabs(v);
    squares += v * v;
  }
  const double of_value = test.norm == KERNELS_NORM_VALUE_L1 ? absolute : std::sqrt(squares);
  const double norm = test.norm == KERNELS_NORM_NONE ? 1 : of_value;
  return {sum * norm, size * norm};
}

// What the error of a sum is counted in: its last bit in float32 if nothing cancelled, or the last bit of all.
double unit_of(const Exact &score) { return score.size / 16777216 + 1e-44; }

// Scores of one answer against those of its own rows, and nothing better left out.
double check_answer(const Case &test, const std::vector<Exact> &all, const int64_t *rows, const float *scores,
                    const std::string &who) {
  double worst = 0, least = INFINITY;
  std::vector<bool> named(all.size());
  for (int64_t j = 0; j < test.k; j++) {
    const int64_t place = rows[j] - 5;
    const bool sound = place >= 0 && place < test.count && !named[static_cast<size_t>(place)];
    check(sound, [&] { return who + ": row " + std::to_string(rows[j]) + " is none, or named twice"; });
    if (!sound) return worst;
    named[static_cast<size_t>(place)] = true;
    const Exact &is = all[static_cast<size_t>(place)];
    const double error = std::fabs(scores[j] - is.score), unit = unit_of(is);
    if (error > 0) worst = std::max(worst, error / unit);
    // of the sum of 128 products in float32
    check(error <= 16 * unit, [&] {
      return who + ": score " + std::to_string(scores[j]) + ", expected " + std::to_string(is.score);
    });
    const bool ordered = j == 0 || scores[j] < scores[j - 1] || (scores[j] == scores[j - 1] && rows[j] > rows[j - 1]);
    check(ordered, [&] { return who + ": wrong order"; });
    least = std::min(least, is.score + 16 * unit);
  }
  for (size_t i = 0; i < all.size(); i++) {
    const bool behind = named[i] || all[i].score - 16 * unit_of(all[i]) <= least;
    check(behind, [&] { return who + ": row " + std::to_string(i + 5) + " is missing"; });
  }
  return worst;
}

void check_exactly(const Case &test, std::vector<Exact> all, const int64_t *rows, const float *scores) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < all.size(); i++) order.push_back(static_cast<int64_t>(i));
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return all[static_cast<size_t>(a)].score > all[static_cast<size_t>(b)].score;
  });
  for (int64_t j = 0; j < test.k; j++) {
    const int64_t place = order[static_cast<size_t>(j)];
    check(rows[j] == 5 + place, [&] { return test.name() + ": wrong row"; });
    check(scores[j] == all[static_cast<size_t>(place)].score, [&] { return test.name() + ": wrong score"; });
  }
}

void compare(CardDevice &cores, CardDevice &ordinary, Case test) {
  test.k = std::min(test.k, test.count);
  const Cache cache(test);
  const std::vector<float> queries = questions(test);
  const Answer found = ask(cores, test, cache, queries), expected = ask(ordinary, test, cache, queries);
  const Answer resident = ask_resident(cores, test, cache, queries);
  const size_t score_bytes = found.scores.size() * sizeof(float);
  check(resident.rows == found.rows && std::memcmp(resident.scores.data(), found.scores.data(), score_bytes) == 0,
        [&] { return test.name() + ": other keys where they lie on the card"; });
  const bool finite = test.numbers != Numbers::kSpoiledKeys && test.numbers != Numbers::kSpoiledQueries;
  for (int64_t answer = 0; answer < test.heads() * test.queries; answer++) {
    const int64_t head = answer / test.queries, t = answer % test.queries, at = answer * test.k;
    const float *query = queries.data() + (t * test.heads() + head) * test.dim;
    const int64_t *rows = found.rows.data() + at, *other_rows = expected.rows.data() + at;
    const float *scores = found.scores.data() + at, *other_scores = expected.scores.data() + at;
    if (std::memcmp(scores, other_scores, static_cast<size_t>(test.k) * sizeof(float)) != 0) by_cores++;
    if (finite) {
      std::vector<Exact> all;
      for (int64_t place = 0; place < test.count; place++) all.push_back(exact(test, cache, query, head, place));
      const std::string name = test.name();
      worst_error = std::max(worst_error, check_answer(test, all, rows, scores, name));
      worst_ordinary =
          std::max(worst_ordinary, check_answer(test, all, other_rows, other_scores, name + ", ordinary units"));
      if (test.numbers == Numbers::kWhole) check_exactly(test, all, rows, scores);
      continue;
    }
    // what is infinite, or no number, is so for both, and at the same places
    for (int64_t j = 0; j < test.k; j++) {
      const float score = scores[j], other = other_scores[j];
      const bool infinite = std::isinf(score) || std::isinf(other);
      const bool held = infinite ? score == other && rows[j] == other_rows[j]
                                 : std::fabs(score - other) <= 2e-5f * std::fmax(1.f, std::fabs(other));
      check(held, [&] {
        return test.name() + ": row " + std::to_string(rows[j]) + " with " + std::to_string(score) +
               ", ordinary units " + std::to_string(other_rows[j]) + " with " + std::to_string(other);
      });
    }
  }
}

// What tensor cores do not serve has the bits of ordinary units, whichever are asked for.
void same_units(CardDevice &cores, CardDevice &ordinary, const Case &test) {
  const Cache cache(test);
  const std::vector<float> queries = questions(test);
  const Answer found = ask(cores, test, cache, queries), expected = ask(ordinary, test, cache, queries);
  expect(found.rows == expected.rows && found.scores == expected.scores, test.name() + ": not by ordinary units");
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot compare the best keys: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  CardDevice cores(longform::card::open_card(0), Units::kTensorCores);
  CardDevice ordinary(longform::card::open_card(0), Units::kOrdinary);
  for (int64_t dtype : {KERNELS_KV_F16, KERNELS_KV_Q8}) {
    // sizes: heads, queries and keys in turns that meet differently
    const int64_t counts[] = {1, 31, 64, 129, 1000}, asked[] = {1, 2, 5, 17, 64, 130};
    int64_t turn = 0;
    for (int64_t dim : {1, 6, 32, 33, 40, 64, 80, 96, 128}) {
      const int64_t before = by_cores;
      for (int64_t sharers : {1, 2, 3, 4, 7, 8}) {
        const int64_t queries = asked[turn % 6], count = queries > 17 ? counts[turn % 4] : counts[turn % 5];
        compare(cores, ordinary, {dtype, dim, sharers, queries, count});
        turn++;
      }
      for (int64_t queries : {1, 17}) compare(cores, ordinary, {dtype, dim, 4, queries, 1000});
      // each of these has at least 64 answers whose scores are rounded
      expect(dim < 32 || by_cores > before, "tensor cores were never asked for heads of " + std::to_string(dim));
    }
    for (int64_t dim : {32, 80, 128}) {
      for (int64_t count : counts) {
        for (int64_t queries : {1, 17}) compare(cores, ordinary, {dtype, dim, 3, queries, count, Numbers::kWhole});
      }
    }
    compare(cores, ordinary, {dtype, 64, 1, 130, 129, Numbers::kWhole});
    // as many keys as make most of them not worth a second product
    compare(cores, ordinary, {dtype, 128, 4, 5, 3000, Numbers::kNear, 1});
    compare(cores, ordinary, {dtype, 40, 3, 6, 3000, Numbers::kUneven, 1, 3, KERNELS_PAIRING_GROUP, KERNELS_NORM_VALUE_L2});
    for (int64_t dim : {64, 128}) {
      for (int64_t queries : {1, 9}) compare(cores, ordinary, {dtype, dim, 4, queries, 1000, Numbers::kRounded});
    }
    const Numbers odd[] = {Numbers::kSpoiledKeys, Numbers::kSpoiledQueries, Numbers::kLarge, Numbers::kSmall,
                           Numbers::kUneven};
    for (Numbers numbers : odd) {
      for (int64_t queries : {1, 9}) {
        compare(cores, ordinary, {dtype, 64, 4, queries, 200, numbers});
        compare(cores, ordinary, {dtype, 40, 2, queries, 3, numbers});
      }
    }
    for (int64_t norm : {KERNELS_NORM_NONE, KERNELS_NORM_VALUE_L1, KERNELS_NORM_VALUE_L2}) {
      for (int64_t pairing : {KERNELS_PAIRING_GROUP, KERNELS_PAIRING_MODULO}) {
        for (int64_t queries : {1, 9}) {
          compare(cores, ordinary, {dtype, 80, 3, queries, 300, Numbers::kDrawn, 2, 3, pairing, norm});
        }
      }
    }
    Case spoiled = {dtype, 64, 4, 2, 300, Numbers::kSpoiledKeys};
    spoiled.pairing = KERNELS_PAIRING_MODULO;
    spoiled.norm = KERNELS_NORM_VALUE_L2;
    compare(cores, ordinary, spoiled);
    same_units(cores, ordinary, {dtype, 160, 4, 9, 200});
    same_units(cores, ordinary, {dtype, 64, 4, 9, 200, Numbers::kDrawn, 2, 5});
    Case blocks = {dtype, 64, 4, 9, 200};
    blocks.block_rows = 3;
    same_units(cores, ordinary, blocks);
  }
  same_units(cores, ordinary, {KERNELS_KV_F32, 64, 4, 9, 200});
  char errors[128];
  std::snprintf(errors, sizeof errors, ", %lld answers by tensor cores, errors to %.2f * 2^-24 (ordinary units %.2f)",
                static_cast<long long>(by_cores), worst_error, worst_ordinary);
  return end("top_keys", errors);
}
