// Spans around voted tokens that a card chooses and keeps, against the rule on sets of tokens; and attention to them
// against attention to the same rows as the host lists them, which attend_test compares with loops in float64.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "checks.h"
#include "cuda/card_device.h"
#include "kv_rows.h"
#include "watched_card.h"

namespace {

using longform::card::CardDevice;
using longform::card::NotHere;
using longform::card::Units;
using longform::test::end;
using longform::test::expect;
using longform::test::WatchedCard;

constexpr int64_t kPage = 64;

std::mt19937 draws(37);

struct Case {
  int64_t queries, from, to, k;
  int64_t reach, budget = -1, limit = INT64_MAX, order = KERNELS_ORDER_VOTES;
  int64_t heads = 4, kv_heads = 2, dims = 8, dtype = KERNELS_KV_F32;
  bool alike = false; // keys of few different numbers, so that votes agree

  std::string describe() const {
    std::string text;
    for (int64_t number : {queries, from, to, k, reach, budget, limit, order, dims, dtype}) {
      text += (text.empty() ? "" : " ") + std::to_string(number);
    }
    return text;
  }
};

// A card with the pages of a document that goes on for some rows behind the candidates.
class Document {
 public:
  static constexpr int64_t kBehind = 37;

  explicit Document(const Case &of) : test(of), card(watched()) {
    const int64_t rows = test.to + kBehind + test.queries;
    const int64_t bytes = test.dtype == KERNELS_KV_F32 ? 4 * test.dims : 2 * test.dims;
    layout = {test.dtype, test.kv_heads, test.dims, bytes, kPage * bytes, 2 * kPage * bytes};
    std::normal_distribution<float> normal;
    const auto draw = [&] { return test.alike ? static_cast<float>(draws() % 3) - 1 : normal(draws); };
    std::vector<char> page(static_cast<size_t>(2 * test.kv_heads * kPage * bytes));
    std::vector<float> row(static_cast<size_t>(test.dims));
    for (int64_t first = 0; first < rows; first += kPage) {
      for (int64_t i = 0; i < 2 * test.kv_heads * kPage; i++) {
        for (float &x : row) x = draw();
        longform::kv::store_row(test.dtype, row.data(), test.dims, page.data() + i * bytes);
      }
      pages.push_back(static_cast<char *>(put(page.data(), static_cast<int64_t>(page.size()))));
    }
    std::vector<float> asked(static_cast<size_t>(test.queries * test.heads * test.dims));
    for (float &x : asked) x = draw();
    queries = static_cast<float *>(put(asked.data(), static_cast<int64_t>(asked.size() * sizeof(float))));
    out = static_cast<float *>(card.take(static_cast<int64_t>(asked.size() * sizeof(float))));
    // each run is the rest of its page, also that of the last candidate
    std::vector<kernels_run> list;
    for (int64_t first = test.from; first < test.to; first += kPage - first % kPage) list.push_back(run(first));
    runs = static_cast<kernels_run *>(put(list.data(), static_cast<int64_t>(list.size() * sizeof(kernels_run))));
    keys.queries = queries;
    keys.query_count = test.queries;
    keys.heads = test.heads;
    keys.layout = &layout;
    keys.runs = runs;
    keys.run_count = static_cast<int64_t>(list.size());
    keys.from = test.from;
    keys.to = test.to;
    keys.k = test.k;
    keys.block_rows = 1;
    keys.resident = 1;
  }

  void *put(const void *from, int64_t bytes) {
    void *memory = card.take(std::max<int64_t>(1, bytes));
    if (bytes > 0) card.copy(memory, from, bytes);
    return memory;
  }

  char *key(int64_t row) const { return pages[static_cast<size_t>(row / kPage)] + row % kPage * layout.row_bytes; }
  // The rest of a page, as candidates are listed.
  kernels_run run(int64_t row) const { return {key(row), row, row - test.from, kPage - row % kPage}; }

  // The voted tokens in their order.
  std::vector<int64_t> voted() {
    const int64_t votes = test.queries * test.heads * test.k;
    std::vector<int64_t> tokens(static_cast<size_t>(std::min({test.limit, votes, test.to - test.from})));
    int64_t count = 0;
    card.votes({&keys, test.order, test.limit, tokens.data(), &count});
    tokens.resize(static_cast<size_t>(count));
    return tokens;
  }

  int64_t waits() const { return watched_->waits; }

  const Case test;

 private:
  std::unique_ptr<WatchedCard> watched() {
    auto made = std::make_unique<WatchedCard>();
    watched_ = made.get();
    return made;
  }

  WatchedCard *watched_ = nullptr;

 public:
  CardDevice card;
  std::vector<char *> pages;
  float *queries = nullptr, *out = nullptr;
  kernels_run *runs = nullptr;
  kernels_kv_layout layout = {};
  kernels_top_keys_request keys = {};
};

// The rule on sets of tokens.
std::vector<int64_t> united(const Case &test, const std::vector<int64_t> &voted) {
  std::set<int64_t> chosen;
  for (int64_t token : voted) {
    std::set<int64_t> larger = chosen;
    for (int64_t row = token - test.reach; row < token + test.reach; row++) {
      if (row >= test.from && row < test.to) larger.insert(row);
    }
    if (test.budget < 0 || static_cast<int64_t>(larger.size()) <= test.budget) chosen = larger;
  }
  return {chosen.begin(), chosen.end()};
}

struct Chosen {
  int64_t *count;
  kernels_chosen_row *rows;
  int64_t most;
};

Chosen choose(Document &document) {
  const Case &test = document.test;
  int64_t most = test.to - test.from;
  if (test.budget >= 0) most = std::min(most, test.budget);
  if (test.limit < most) most = std::min(most, 2 * test.reach * test.limit);
  // exactly so much room
  const Chosen chosen = {static_cast<int64_t *>(document.card.take(8)),
                         static_cast<kernels_chosen_row *>(document.card.take(std::max<int64_t>(1, 16 * most))), most};
  const kernels_votes_request votes = {&document.keys, test.order, test.limit, nullptr, nullptr};
  document.card.spans({&votes, test.reach, test.budget, chosen.count, chosen.rows});
  return chosen;
}

void attend(Document &document, const std::vector<kernels_segment> &segments, std::vector<float> &answer) {
  const Case &test = document.test;
  std::vector<double> frequencies;
  for (int64_t i = 0; i < test.dims / 2; i++) frequencies.push_back(std::pow(100., -static_cast<double>(i) / 4));
  kernels_attention call = {};
  call.queries = document.queries;
  call.out = document.out;
  call.tokens = test.queries;
  call.heads = test.heads;
  call.first_row = test.to + Document::kBehind;
  call.scale = 1 / std::sqrt(static_cast<double>(test.dims));
  call.frequencies = frequencies.data();
  call.pairs = test.dims / 2;
  call.attention_factor = 1;
  call.layout = &document.layout;
  call.segments = segments.data();
  call.segment_count = static_cast<int64_t>(segments.size());
  document.card.attend(call);
  answer.resize(static_cast<size_t>(test.queries * test.heads * test.dims));
}

// Rows by the host, each a run of its own.
std::vector<kernels_run> listed(const Document &document, const std::vector<int64_t> &rows) {
  std::vector<kernels_run> runs;
  for (size_t i = 0; i < rows.size(); i++) runs.push_back({document.key(rows[i]), rows[i], static_cast<int64_t>(i), 1});
  return runs;
}

kernels_segment packed(const std::vector<kernels_run> &runs, const int64_t *starts) {
  kernels_segment segment = {};
  segment.runs = runs.data();
  segment.run_starts = starts;
  segment.groups = 1;
  segment.key_kind = KERNELS_POSITION_CONTIGUOUS;
  segment.key_stride = 1;
  segment.query_kind = KERNELS_POSITION_PACKED;
  segment.query_to = INT64_MAX;
  segment.logit_scale = 1;
  segment.resident = 1;
  return segment;
}

// Tokens before the candidates, those chosen, and those behind with the block: one list, and one more behind it.
void attention(Document &document, const Chosen &chosen, const std::vector<int64_t> &rows) {
  const Case &test = document.test;
  std::vector<int64_t> known, all;
  for (int64_t row = 0; row < test.from; row++) known.push_back(row);
  all = known;
  all.insert(all.end(), rows.begin(), rows.end());
  const int64_t end = test.to + Document::kBehind + test.queries;
  for (int64_t row = test.to; row < end; row++) known.push_back(row), all.push_back(row);

  const std::vector<kernels_run> known_runs = listed(document, known), all_runs = listed(document, all);
  const int64_t known_starts[] = {0, static_cast<int64_t>(known.size())};
  const int64_t all_starts[] = {0, static_cast<int64_t>(all.size())}, other_starts[] = {0, 1};
  kernels_segment here = packed(known_runs, known_starts), there = packed(all_runs, all_starts);
  here.query_position = static_cast<double>(known_starts[1] - end);
  here.chosen_count = chosen.count;
  here.chosen_rows = chosen.rows;
  here.chosen_place = test.from;
  here.chosen_most = chosen.most;
  there.query_kind = KERNELS_POSITION_SHIFTED;
  there.query_position = static_cast<double>(all_starts[1] - end);
  const kernels_segment other = packed(all_runs, other_starts);

  std::vector<float> found, expected;
  const int64_t waits = document.waits();
  attend(document, {here, other}, found);
  expect(document.waits() == waits, test.describe() + ": the host waits for attention");
  document.card.copy(found.data(), document.out, static_cast<int64_t>(found.size() * sizeof(float)));
  attend(document, {there, other}, expected);
  document.card.copy(expected.data(), document.out, static_cast<int64_t>(expected.size() * sizeof(float)));
  for (size_t i = 0; i < found.size(); i++) {
    expect(std::fabs(found[i] - expected[i]) <= 2e-5f * std::fmax(1.f, std::fabs(expected[i])),
           test.describe() + ": attention [" + std::to_string(i) + "] is " + std::to_string(found[i]) + ", expected " +
               std::to_string(expected[i]));
  }
}

void check(const Case &test) {
  Document document(test);
  // the order of blocks and threads is another one after each launch
  for (uint32_t i = draws() % 6; i > 0; i--) document.card.add(document.out, document.out, 1, 1);
  const std::vector<int64_t> expected = united(test, document.voted());
  const int64_t waits = document.waits();
  const Chosen chosen = choose(document);
  expect(document.waits() == waits, test.describe() + ": the host waits for spans");

  int64_t count = -7;
  document.card.copy(&count, chosen.count, 8);
  expect(count == static_cast<int64_t>(expected.size()),
         test.describe() + ": " + std::to_string(count) + " rows, not " + std::to_string(expected.size()));
  if (count != static_cast<int64_t>(expected.size())) return;
  std::vector<kernels_chosen_row> rows(expected.size());
  if (count > 0) document.card.copy(rows.data(), chosen.rows, 16 * count);
  for (size_t i = 0; i < rows.size(); i++) {
    expect(rows[i].row == expected[i] && rows[i].key == document.key(expected[i]),
           test.describe() + ": row " + std::to_string(i) + " is " + std::to_string(rows[i].row) + ", not " +
               std::to_string(expected[i]) + ", or its key lies elsewhere");
  }
  attention(document, chosen, expected);
}

void sizes() {
  for (int64_t candidates : {1, 2, 31, 32, 33, 63, 64, 65, 127, 129, 700}) {
    for (int64_t from : {0, 3, 64, 70}) {
      for (int64_t reach : {1, 2, 16, 17}) {
        check({5, from, from + candidates, std::min<int64_t>(2, candidates), reach});
      }
    }
  }
  // everything, by one span and by many
  check({3, 5, 300, 4, 1000});
  check({40, 5, 300, 4, 16});
  // more blocks than one, and threads with more words than one
  check({1, 40, 70000, 8, 16, -1, 20});
  check({300, 9, 9000, 4, 3, -1, 127, KERNELS_ORDER_VOTES, 2, 1, 8, KERNELS_KV_F32, true});
}

void options() {
  for (int64_t order : {KERNELS_ORDER_VOTES, KERNELS_ORDER_RANK}) {
    for (int64_t limit : {int64_t{0}, int64_t{1}, int64_t{3}, int64_t{127}, INT64_MAX}) {
      for (int64_t budget : {-1, 0, 1, 7, 32, 33, 100, 5000}) {
        check({6, 11, 400, 4, 4, budget, limit, order, 4, 2, 8, KERNELS_KV_F32, true});
      }
    }
    // spans of more words than a warp has lanes
    check({2, 3, 9000, 3, 700, 2500, INT64_MAX, order});
    check({2, 3, 9000, 3, 700, 1400, INT64_MAX, order});
  }
  // tensor cores
  check({9, 20, 700, 4, 16, -1, 30, KERNELS_ORDER_VOTES, 4, 2, 64, KERNELS_KV_F16});
  check({40, 20, 700, 4, 16, 90, 30, KERNELS_ORDER_VOTES, 4, 1, 128, KERNELS_KV_F16});
  // nobody votes
  check({3, 5, 50, 0, 4});
}

void refusals() {
  const Case test = {2, 0, 50, 2, 4};
  Document document(test);
  const auto refused = [&](const kernels_top_keys_request &keys, int64_t *count, kernels_chosen_row *rows) {
    const kernels_votes_request votes = {&keys, KERNELS_ORDER_VOTES, 3, nullptr, nullptr};
    try {
      document.card.spans({&votes, 4, -1, count, rows});
      return false;
    } catch (const NotHere &) {
      return true;
    }
  };
  int64_t here = 0;
  kernels_chosen_row row = {};
  int64_t *count = static_cast<int64_t *>(document.card.take(8));
  kernels_chosen_row *rows = static_cast<kernels_chosen_row *>(document.card.take(16 * 24));
  kernels_top_keys_request elsewhere = document.keys;
  elsewhere.resident = 0;
  expect(refused(elsewhere, count, rows), "candidates outside of the card's memory are chosen among");
  expect(refused(document.keys, &here, rows), "a number of rows is written on the host");
  expect(refused(document.keys, count, &row), "rows are written on the host");
  expect(!refused(document.keys, count, rows), "what lies on the card is refused");
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot choose spans: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  sizes();
  options();
  refusals();
  return end("spans");
}
