// Pages in pinned memory, here and there among those of the card: every operation against the same on a card that has
// them all, bit for bit. What several blocks read is copied first: then kernels find other bytes in pinned memory than
// were stored there, and must not notice. Each key crosses the bus once.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cuda/card_device.h"
#include "cuda/sizes.h"
#include "kv_rows.h"
#include "sketch.h"
#include "watched_card.h"

namespace {

using longform::card::CardDevice;
using longform::card::CardFull;
using longform::card::Grid;
using longform::card::Kernel;
using longform::card::NearArgs;
using longform::card::NearRoom;
using longform::card::Units;
using longform::test::end;
using longform::test::expect;
using longform::test::WatchedCard;

constexpr int64_t kPage = KERNELS_SKETCH_ROWS;

std::mt19937 draws(41);
int64_t drawn(int64_t below) { return static_cast<int64_t>(draws() % static_cast<uint64_t>(below)); }
float gaussian() { return std::normal_distribution<float>()(draws); }

// A card whose kernels do not find in pinned memory what is stored there, if they are not to read it.
class Bus : public WatchedCard {
 public:
  void *allocate(int64_t bytes) override {
    if (full) throw CardFull("the card has no room");
    return WatchedCard::allocate(bytes);
  }
  // whatever others on the machine take
  void free_bytes(int64_t *free, int64_t *all) const override { *free = *all = int64_t{1} << 40; }

  void launch(Kernel kernel, const Grid &grid, const void *args) override {
    const bool near = kernel == Kernel::card_near;
    if (near) copied += static_cast<const NearArgs *>(args)->count;
    if (crosses) scored_meanwhile++;
    if (!hides(kernel)) {
      WatchedCard::launch(kernel, grid, args);
      return;
    }
    WatchedCard::wait_for_ahead();
    std::map<char *, std::vector<char>> stored;
    for (const auto &block : pinned) {
      std::vector<char> &bytes = stored[block.first];
      bytes.resize(static_cast<size_t>(block.second));
      WatchedCard::download(bytes.data(), block.first, block.second);
      const std::vector<char> spoiled(bytes.size(), static_cast<char>(draws()));
      WatchedCard::upload(block.first, spoiled.data(), block.second);
    }
    WatchedCard::launch(kernel, grid, args);
    for (const auto &block : stored) {
      WatchedCard::upload(block.first, block.second.data(), static_cast<int64_t>(block.second.size()));
    }
  }

  void launch_ahead(Kernel kernel, const Grid &grid, const void *args) override {
    copied += static_cast<const NearArgs *>(args)->count;
    crosses = true;
    WatchedCard::launch_ahead(kernel, grid, args);
  }
  void wait_for_ahead() override {
    crosses = false;
    WatchedCard::wait_for_ahead();
  }

  // Only these may read what is hidden: those that copy, and norms of values, once.
  static bool reads_once(Kernel kernel) { return kernel == Kernel::card_near || kernel == Kernel::value_norms; }
  static bool nothing(Kernel) { return false; }
  static bool all_others(Kernel kernel) { return !reads_once(kernel); }
  // of a search with sketches, all but those that score
  static bool sketched(Kernel kernel) { return kernel >= Kernel::sketch_queries && kernel <= Kernel::sketch_open; }

  bool full = false;
  bool (*hides)(Kernel) = nothing;
  int64_t copied = 0; // rows
  bool crosses = false; // whether a copy was launched that nobody waits for
  int64_t scored_meanwhile = 0; // launches
  std::map<char *, int64_t> pinned;
};

struct Shape {
  int64_t dtype, dim, heads, kv_heads, rows;
  bool beside = false; // values stand beside their keys

  int64_t bytes() const {
    return dtype == KERNELS_KV_F32 ? 4 * dim : dtype == KERNELS_KV_F16 ? 2 * dim : dim + (dim + 31) / 32 * 2;
  }
  kernels_kv_layout layout() const {
    if (beside) return {dtype, kv_heads, dim, 2 * bytes(), bytes(), 2 * kPage * bytes()};
    return {dtype, kv_heads, dim, bytes(), kPage * bytes(), 2 * kPage * bytes()};
  }
  std::string name() const {
    return "dtype " + std::to_string(dtype) + ", " + std::to_string(heads) + "/" + std::to_string(kv_heads) +
           " heads of " + std::to_string(dim) + ", " + std::to_string(rows) + " rows" + (beside ? ", beside" : "");
  }
};

// Pages of a document on a card; all there, or some of them in pinned memory.
struct Document {
  const Shape shape;
  const kernels_kv_layout layout;
  Bus *bus;
  CardDevice card;
  std::vector<char *> pages;
  int64_t page_bytes;

  Document(const Shape &of, bool pinned, Units units, int64_t near_bytes)
      : shape(of), layout(of.layout()), card(made(), units, near_bytes), page_bytes(2 * kPage * of.bytes() * of.kv_heads) {
    for (int64_t p = 0; p * kPage < shape.rows; p++) {
      // at least one, the first two differ
      const bool here = pinned && (p < 2 ? p == 0 : draws() % 2 == 0);
      char *page = static_cast<char *>(here ? card.take_pinned(page_bytes) : card.take(page_bytes));
      if (here) bus->pinned[page] = page_bytes;
      pages.push_back(page);
    }
  }

  std::unique_ptr<Bus> made() {
    auto one = std::make_unique<Bus>();
    bus = one.get();
    return one;
  }

  void fill(const std::vector<std::vector<char>> &from) {
    for (size_t p = 0; p < pages.size(); p++) {
      if (p % 2 == 0) {
        card.copy(pages[p], from[p].data(), page_bytes);
        continue;
      }
      // as a page that moves
      void *before = card.take(page_bytes);
      card.copy(before, from[p].data(), page_bytes);
      const kernels_piece piece = {static_cast<char *>(before), pages[p], page_bytes};
      card.copy_within(&piece, 1);
      card.release(before);
    }
  }

  std::vector<char> page(size_t p) {
    std::vector<char> bytes(static_cast<size_t>(page_bytes));
    card.copy(bytes.data(), pages[p], page_bytes);
    return bytes;
  }

  char *key(int64_t row) const { return pages[static_cast<size_t>(row / kPage)] + row % kPage * layout.row_bytes; }

  std::vector<kernels_run> runs(int64_t from, int64_t to) const {
    std::vector<kernels_run> all;
    for (int64_t row = from; row < to; row += kPage - row % kPage) {
      all.push_back({key(row), row, row - from, std::min(kPage - row % kPage, to - row)});
    }
    return all;
  }

  template <typename T>
  T *put(const std::vector<T> &from) {
    const int64_t bytes = static_cast<int64_t>(from.size() * sizeof(T));
    T *memory = static_cast<T *>(card.take(std::max<int64_t>(1, bytes)));
    if (bytes > 0) card.copy(memory, from.data(), bytes);
    return memory;
  }
};

// The same document twice: on the card, and with some of its pages pinned.
struct Twins {
  Document plain, tiered;
  std::string name;

  Twins(const Shape &shape, Units units, int64_t near_bytes)
      : plain(shape, false, units, near_bytes), tiered(shape, true, units, near_bytes), name(shape.name()) {
    std::vector<std::vector<char>> pages;
    std::vector<float> row(static_cast<size_t>(shape.dim));
    for (size_t p = 0; p < plain.pages.size(); p++) {
      pages.emplace_back(static_cast<size_t>(plain.page_bytes));
      for (int64_t i = 0; i < 2 * kPage * shape.kv_heads; i++) {
        // numbers of which few differ: scores tie
        for (float &x : row) x = p % 3 == 0 ? static_cast<float>(drawn(3)) - 1 : gaussian();
        longform::kv::store_row(shape.dtype, row.data(), shape.dim, pages[p].data() + i * shape.bytes());
      }
    }
    plain.fill(pages);
    tiered.fill(pages);
  }

  void same_pages(const std::string &what) {
    for (size_t p = 0; p < plain.pages.size(); p++) {
      expect(plain.page(p) == tiered.page(p), name + ": " + what + ": page " + std::to_string(p) + " differs");
    }
  }
};

template <typename T>
bool equal_bits(const std::vector<T> &a, const std::vector<T> &b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

std::vector<float> numbers(int64_t count) {
  std::vector<float> all(static_cast<size_t>(count));
  for (float &x : all) x = gaussian();
  return all;
}

// --- best keys ---

struct Asked {
  int64_t queries, k, from, to;
  int64_t block_rows = 1, key_norm = KERNELS_NORM_NONE, pairing = KERNELS_PAIRING_GROUP;

  std::string name() const {
    return ", " + std::to_string(queries) + " queries for " + std::to_string(k) + " of " + std::to_string(from) + ".." +
           std::to_string(to) + ", blocks of " + std::to_string(block_rows) + ", norm " + std::to_string(key_norm) +
           ", pairing " + std::to_string(pairing);
  }
};

struct Best {
  std::vector<int64_t> rows, tokens;
  std::vector<float> scores;
  int64_t rescored = 0;
};

kernels_top_keys_request request_of(Document &document, const Asked &asked, const float *queries,
                                    const std::vector<kernels_run> &runs, bool resident) {
  kernels_top_keys_request request = {};
  request.queries = queries;
  request.query_count = asked.queries;
  request.heads = document.shape.heads;
  request.layout = &document.layout;
  request.runs = resident ? document.put(runs) : runs.data();
  request.run_count = static_cast<int64_t>(runs.size());
  request.resident = resident;
  request.from = asked.from;
  request.to = asked.to;
  request.k = asked.k;
  request.block_rows = asked.block_rows;
  request.key_norm = asked.key_norm;
  request.pairing = asked.pairing;
  return request;
}

Best best_keys(Document &document, const Asked &asked, const std::vector<float> &queries, bool resident) {
  Best best;
  best.rows.assign(static_cast<size_t>(document.shape.heads * asked.queries * asked.k), -7);
  best.scores.assign(best.rows.size(), -7);
  const std::vector<kernels_run> runs = document.runs(asked.from, asked.to);
  kernels_top_keys_request request = request_of(document, asked, queries.data(), runs, resident);
  request.rows = best.rows.data();
  request.scores = best.scores.data();
  request.rescored = &best.rescored;
  document.card.top_keys(request);
  best.tokens.assign(best.rows.size(), -7);
  int64_t count = 0;
  document.card.votes(
      {&request, asked.k % 2, static_cast<int64_t>(best.tokens.size()), best.tokens.data(), &count});
  best.tokens.resize(static_cast<size_t>(count));
  return best;
}

int64_t searches_of_copies = 0, scored_meanwhile = 0;

bool served_by_cores(const Shape &shape, Units units) {
  return units != Units::kOrdinary && shape.dtype != KERNELS_KV_F32 && shape.dim <= longform::card::kMostCoreDims;
}

void check_best_keys(Twins &twins, const Asked &asked, Units units) {
  const Shape &shape = twins.plain.shape;
  const std::vector<float> queries = numbers(asked.queries * shape.heads * shape.dim);
  const int64_t rows = asked.queries * (shape.heads / shape.kv_heads), count = asked.to - asked.from;
  const bool sorts = asked.k > 4 || asked.block_rows != 1;
  const bool cores = !sorts && served_by_cores(shape, units);
  const bool copies = rows > (cores ? longform::card::kManyCoreRows : longform::card::kTileQueries);
  Bus &bus = *twins.tiered.bus;
  const Best expected = best_keys(twins.plain, asked, queries, true);
  // what hides waits for what goes ahead, too, which the search has to do by itself
  bus.hides = copies && draws() % 2 == 0 ? Bus::all_others : Bus::nothing;
  bus.copied = 0;
  const Best found = best_keys(twins.tiered, asked, queries, draws() % 2 == 0);
  bus.hides = Bus::nothing;
  const std::string name = twins.name + asked.name() + (copies ? ", copied" : "");
  expect(found.rows == expected.rows, name + ": other rows");
  expect(equal_bits(found.scores, expected.scores), name + ": other scores");
  expect(found.tokens == expected.tokens, name + ": other votes");
  // by top_keys and by votes
  expect(bus.copied == (copies ? 2 * count : 0), name + ": " + std::to_string(bus.copied) + " rows were copied");
  if (copies) searches_of_copies++;
  expect(twins.plain.bus->copied == 0, twins.name + ": rows are copied that lie on the card");
}

// What the searches of decode read: bounds from sketches on the card, and the keys that those leave open.
void check_sketched(Twins &twins, int64_t queries, int64_t k) {
  const Shape &shape = twins.plain.shape;
  const Asked asked = {queries, k, 5, shape.rows};
  const std::vector<float> asking = numbers(queries * shape.heads * shape.dim);
  Best answers[2], plain;
  for (Document *document : {&twins.plain, &twins.tiered}) {
    const std::vector<kernels_run> runs = document->runs(asked.from, asked.to);
    std::vector<const char *> sketches;
    std::vector<kernels_sketch_page> wanted;
    for (const kernels_run &run : runs) {
      if (run.count < kPage) {
        sketches.push_back(nullptr);
        continue;
      }
      char *sketch = static_cast<char *>(document->card.take(kernels_sketch_bytes(shape.dim) * shape.kv_heads));
      sketches.push_back(sketch);
      wanted.push_back({run.key, sketch});
    }
    document->card.sketch(document->layout, wanted.data(), static_cast<int64_t>(wanted.size()));
    kernels_top_keys_request request = request_of(*document, asked, asking.data(), runs, true);
    request.sketches = document->put(sketches);
    Best &best = answers[document == &twins.tiered];
    best.rows.assign(static_cast<size_t>(shape.heads * queries * k), -7);
    best.scores.assign(best.rows.size(), -7);
    request.rows = best.rows.data();
    request.scores = best.scores.data();
    request.rescored = &best.rescored;
    document->bus->hides = Bus::sketched;
    document->card.top_keys(request);
    document->bus->hides = Bus::nothing;
  }
  expect(answers[0].rows == answers[1].rows && equal_bits(answers[0].scores, answers[1].scores),
         twins.name + ": other best keys with sketches of pinned pages");
  expect(answers[0].rescored == answers[1].rescored, twins.name + ": more is read of pinned pages");
  plain = best_keys(twins.tiered, asked, asking, true);
  expect(answers[1].rows == plain.rows, twins.name + ": other best keys by sketches of pinned pages");
}

// --- attention ---

struct Segment {
  std::vector<kernels_run> runs;
  std::vector<int64_t> starts;
  std::vector<double> scales;
  kernels_segment of = {};
};

// Which rows each list has, and how; the same for both documents.
struct Plan {
  struct Part {
    std::vector<std::vector<int64_t>> lists;
    std::vector<double> scales;
    int64_t band, width, key_kind;
  };
  std::vector<Part> parts;
  int64_t tokens, first_row, encoding;
  bool mass, of_heads;
};

Plan plan_of(const Shape &shape, int64_t tokens) {
  Plan plan = {{}, tokens, shape.rows - tokens, drawn(3), draws() % 3 == 0, draws() % 2 == 0};
  const int64_t parts = 1 + drawn(2);
  for (int64_t s = 0; s < parts; s++) {
    Plan::Part part = {};
    const int64_t groups = std::vector<int64_t>{1, shape.kv_heads, shape.heads}[static_cast<size_t>(drawn(3))];
    for (int64_t g = 0; g < groups; g++) {
      std::vector<int64_t> list;
      const int64_t every = 1 + drawn(4);
      for (int64_t row = drawn(3); row < shape.rows; row += 1 + drawn(every)) list.push_back(row);
      if (draws() % 5 == 0) list.clear();
      part.lists.push_back(list);
    }
    if (draws() % 4 == 0) {
      for (int64_t h = 0; h < shape.heads; h++) part.scales.push_back(0.5 + 0.25 * static_cast<double>(h));
    }
    const int64_t bands[] = {KERNELS_BAND_CAUSAL, KERNELS_BAND_NEAR, KERNELS_BAND_FAR};
    part.band = bands[drawn(3)];
    part.width = 1 + drawn(shape.rows);
    part.key_kind = draws() % 2 == 0 ? KERNELS_POSITION_TRUE : KERNELS_POSITION_CONTIGUOUS;
    plan.parts.push_back(part);
  }
  return plan;
}

// Rows that follow each other in a page become one run.
Segment segment_of(const Document &document, const Plan::Part &part) {
  Segment segment;
  for (const std::vector<int64_t> &list : part.lists) {
    segment.starts.push_back(static_cast<int64_t>(segment.runs.size()));
    for (size_t i = 0; i < list.size(); i++) {
      const bool goes_on = i > 0 && list[i] == list[i - 1] + 1 && list[i] % kPage != 0;
      if (goes_on) {
        segment.runs.back().count++;
      } else {
        segment.runs.push_back({document.key(list[i]), list[i], static_cast<int64_t>(i), 1});
      }
    }
  }
  segment.starts.push_back(static_cast<int64_t>(segment.runs.size()));
  segment.scales = part.scales;
  segment.of.groups = static_cast<int64_t>(part.lists.size());
  segment.of.key_kind = part.key_kind;
  segment.of.key_stride = 1;
  segment.of.band = part.band;
  segment.of.width = part.width;
  segment.of.query_to = INT64_MAX;
  segment.of.logit_scale = 1;
  segment.of.resident = 1;
  return segment;
}

struct Attended {
  std::vector<float> out, sums, mass;
};

Attended attend(Document &document, const Plan &plan, const std::vector<float> &queries, const kernels_segment *chosen) {
  const Shape &shape = document.shape;
  std::vector<Segment> parts;
  std::vector<kernels_segment> segments;
  int64_t columns = 0;
  for (const Plan::Part &part : plan.parts) {
    parts.push_back(segment_of(document, part));
    for (const std::vector<int64_t> &list : part.lists) {
      const int64_t sharers = plan.of_heads ? shape.heads / static_cast<int64_t>(part.lists.size()) : 1;
      columns += static_cast<int64_t>(list.size()) * sharers;
    }
  }
  for (Segment &part : parts) {
    part.of.runs = part.runs.data();
    part.of.run_starts = part.starts.data();
    part.of.head_scales = part.scales.empty() ? nullptr : part.scales.data();
    segments.push_back(part.of);
  }
  if (chosen != nullptr) segments.push_back(*chosen);
  std::vector<double> frequencies;
  const int64_t numbers_of_it = plan.encoding == KERNELS_ALIBI ? shape.heads : shape.dim / 2;
  for (int64_t i = 0; i < numbers_of_it; i++) frequencies.push_back(std::pow(100., -static_cast<double>(i) / 4));
  Attended answer;
  answer.out.assign(queries.size(), -7);
  answer.sums.assign(static_cast<size_t>(plan.tokens * shape.heads), -7);
  answer.mass.assign(static_cast<size_t>(columns), -7);
  kernels_attention call = {};
  call.queries = queries.data();
  call.out = answer.out.data();
  call.log_sum_exp = answer.sums.data();
  if (plan.mass) call.mass = answer.mass.data();
  call.mass_of_heads = plan.of_heads;
  call.tokens = plan.tokens;
  call.heads = shape.heads;
  call.first_row = plan.first_row;
  call.scale = 1 / std::sqrt(static_cast<double>(shape.dim));
  call.encoding = plan.encoding;
  call.frequencies = frequencies.data();
  call.pairs = plan.encoding == KERNELS_ALIBI ? 0 : shape.dim / 2;
  call.attention_factor = 1;
  call.layout = &document.layout;
  call.segments = segments.data();
  call.segment_count = static_cast<int64_t>(segments.size());
  document.card.attend(call);
  return answer;
}

// Blocks of attention for so many rows of queries.
int64_t tiles_of_queries(const Shape &shape, Units units, int64_t rows) {
  const bool cores = served_by_cores(shape, units) && rows >= longform::card::kLeastCoreQueries;
  const int64_t at_once = cores ? longform::card::kCoreQueries : longform::card::kTileQueries;
  return (rows + at_once - 1) / at_once;
}

// How often a key is read where all heads that share it read it together.
bool several_read(const Shape &shape, Units by, const Plan &plan) {
  int64_t units = shape.kv_heads;
  for (const Plan::Part &part : plan.parts) {
    const int64_t groups = static_cast<int64_t>(part.lists.size());
    if (groups == shape.heads || (!part.scales.empty() && groups < shape.heads)) units = shape.heads;
  }
  const int64_t rows = plan.tokens * (shape.heads / units), tiles = tiles_of_queries(shape, by, rows);
  bool several = plan.mass;
  for (const Plan::Part &part : plan.parts) {
    const int64_t lists = std::max(static_cast<int64_t>(part.lists.size()), shape.kv_heads);
    several = several || tiles * units / lists > 1;
  }
  return several;
}

int64_t attentions_of_copies = 0, attentions_in_place = 0;

void check_attention(Twins &twins, int64_t tokens, Units units) {
  const Shape &shape = twins.plain.shape;
  const Plan plan = plan_of(shape, tokens);
  const bool copies = several_read(shape, units, plan);
  const std::vector<float> queries = numbers(tokens * shape.heads * shape.dim);
  Bus &bus = *twins.tiered.bus;
  const Attended expected = attend(twins.plain, plan, queries, nullptr);
  bus.copied = 0;
  bus.hides = copies ? Bus::all_others : Bus::nothing;
  const Attended found = attend(twins.tiered, plan, queries, nullptr);
  bus.hides = Bus::nothing;
  int64_t rows = 0;
  for (const Plan::Part &part : plan.parts) {
    for (const std::vector<int64_t> &list : part.lists) rows += static_cast<int64_t>(list.size());
  }
  const std::string name = twins.name + ", attention of " + std::to_string(tokens) + " tokens, " +
                           std::to_string(rows) + " rows" + (copies ? ", copied" : "");
  expect(equal_bits(found.out, expected.out), name + ": other answers");
  expect(equal_bits(found.sums, expected.sums), name + ": other sums");
  if (plan.mass) expect(equal_bits(found.mass, expected.mass), name + ": other masses");
  expect(bus.copied == (copies ? rows : 0), name + ": " + std::to_string(bus.copied) + " rows were copied");
  (copies ? attentions_of_copies : attentions_in_place)++;
}

// Rows that the card chose among candidates some of which are pinned.
void check_spans(Twins &twins, int64_t tokens, Units units) {
  const Shape &shape = twins.plain.shape;
  const Asked asked = {tokens, 2, 7, shape.rows - 20};
  const std::vector<float> queries = numbers(tokens * shape.heads * shape.dim);
  const Plan plan = {{}, tokens, shape.rows, KERNELS_ROPE_HALF_SPLIT, false, false};
  const bool copies = tiles_of_queries(shape, units, tokens * (shape.heads / shape.kv_heads)) > 1;
  Attended answers[2];
  std::vector<int64_t> chosen_rows[2];
  for (Document *document : {&twins.plain, &twins.tiered}) {
    const bool tiered = document == &twins.tiered;
    const std::vector<kernels_run> runs = document->runs(asked.from, asked.to);
    const kernels_top_keys_request keys = request_of(*document, asked, queries.data(), runs, true);
    const kernels_votes_request votes = {&keys, KERNELS_ORDER_VOTES, 30, nullptr, nullptr};
    const int64_t most = std::min<int64_t>(asked.to - asked.from, 2 * 3 * 30);
    int64_t *count = static_cast<int64_t *>(document->card.take(8));
    auto *rows = static_cast<kernels_chosen_row *>(document->card.take(16 * most));
    document->card.spans({&votes, 3, -1, count, rows});
    const std::vector<kernels_run> known = {{document->key(0), 0, 0, asked.from}};
    const int64_t starts[] = {0, 1};
    kernels_segment segment = {};
    segment.runs = known.data();
    segment.run_starts = starts;
    segment.groups = 1;
    segment.key_kind = KERNELS_POSITION_CONTIGUOUS;
    segment.key_stride = 1;
    segment.query_kind = KERNELS_POSITION_PACKED;
    segment.query_to = INT64_MAX;
    segment.logit_scale = 1;
    segment.resident = 1;
    segment.chosen_count = count;
    segment.chosen_rows = rows;
    segment.chosen_place = asked.from;
    segment.chosen_most = most;
    if (tiered && copies) document->bus->hides = Bus::all_others;
    answers[tiered] = attend(*document, plan, queries, &segment);
    document->bus->hides = Bus::nothing;
    int64_t number = 0;
    document->card.copy(&number, count, 8);
    std::vector<kernels_chosen_row> chosen(static_cast<size_t>(number));
    document->card.copy(chosen.data(), rows, 16 * number);
    for (const kernels_chosen_row &row : chosen) {
      chosen_rows[tiered].push_back(row.row);
      expect(row.key == document->key(row.row), twins.name + ": a chosen row lies elsewhere");
    }
  }
  expect(chosen_rows[0] == chosen_rows[1] && !chosen_rows[0].empty(), twins.name + ": other rows are chosen");
  expect(equal_bits(answers[0].out, answers[1].out), twins.name + ": other answers from chosen rows");
}

// --- the others ---

void check_key_scores(Twins &twins) {
  const Shape &shape = twins.plain.shape;
  const int64_t count = 50, queries = 3;
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < shape.heads * count; i++) rows.push_back(drawn(shape.rows));
  const std::vector<float> asking = numbers(queries * shape.heads * shape.dim);
  std::vector<double> positions, frequencies;
  for (int64_t i = 0; i < count; i++) positions.push_back(static_cast<double>(i));
  for (int64_t i = 0; i < shape.dim / 2; i++) frequencies.push_back(std::pow(10., -static_cast<double>(i)));
  std::vector<float> scores[2];
  for (Document *document : {&twins.plain, &twins.tiered}) {
    std::vector<kernels_run> keys;
    for (int64_t row : rows) keys.push_back({document->key(row), row, 0, 1});
    std::vector<float> &answer = scores[document == &twins.tiered];
    answer.assign(rows.size(), -7);
    kernels_key_scores_request request = {};
    request.queries = asking.data();
    request.query_count = queries;
    request.heads = shape.heads;
    request.layout = &document->layout;
    request.keys = keys.data();
    request.count = count;
    request.positions = positions.data();
    request.frequencies = frequencies.data();
    request.pairs = shape.dim / 2;
    request.attention_factor = 1;
    request.scores = answer.data();
    request.resident = 1;
    document->card.key_scores(request);
  }
  expect(equal_bits(scores[0], scores[1]), twins.name + ": other scores of listed keys");
}

void check_stores_and_copies(Twins &twins) {
  const Shape &shape = twins.plain.shape;
  const int64_t tokens = 70, first = drawn(shape.rows - tokens);
  const int64_t width = shape.kv_heads * shape.dim;
  const std::vector<float> keys = numbers(tokens * width), values = numbers(tokens * width);
  for (Document *document : {&twins.plain, &twins.tiered}) {
    std::vector<kernels_place> places;
    for (const kernels_run &run : document->runs(first, first + tokens)) {
      places.push_back({const_cast<char *>(run.key), run.index, run.count});
    }
    document->card.store(document->layout, keys.data(), values.data(), places.data(), static_cast<int64_t>(places.size()));
  }
  twins.same_pages("stored");
  // parts of pages change places, all at once
  const int64_t pages = static_cast<int64_t>(twins.plain.pages.size()), part = twins.plain.page_bytes / 8;
  const int64_t shift = 1 + drawn(pages - 1);
  for (Document *document : {&twins.plain, &twins.tiered}) {
    std::vector<kernels_piece> pieces;
    for (int64_t p = 0; p < pages; p++) {
      char *to = document->pages[static_cast<size_t>((p + shift) % pages)];
      pieces.push_back({document->pages[static_cast<size_t>(p)] + 3 * part, to + part, part});
    }
    document->card.copy_within(pieces.data(), pages);
  }
  twins.same_pages("copied");
}

void compare(const Shape &shape, Units units, int64_t near_rows) {
  // what a piece of so many rows needs
  const int64_t near_bytes = 2 * near_rows * ((shape.bytes() + 15) / 16 * 16) * shape.kv_heads;
  Twins twins(shape, units, near_rows == 0 ? NearRoom::kUsualBytes : near_bytes);
  twins.same_pages("filled");
  const int64_t sharers = shape.heads / shape.kv_heads;
  for (int64_t queries : {int64_t{1}, 32 / sharers, 34 / sharers, 130 / sharers}) {
    const int64_t from = drawn(100), to = std::min(shape.rows, from + 1 + drawn(shape.rows - from));
    Asked asked = {queries, std::min<int64_t>(1 + drawn(4), to - from), from, to};
    check_best_keys(twins, asked, units);
    asked.key_norm = 1 + drawn(2);
    asked.pairing = KERNELS_PAIRING_MODULO;
    check_best_keys(twins, asked, units);
    asked = {queries, 6, 3, shape.rows};
    if (draws() % 2 == 0) asked.block_rows = 7;
    check_best_keys(twins, asked, units);
  }
  check_sketched(twins, 1, 4);
  for (int64_t tokens : {1, 7, 40}) {
    check_attention(twins, tokens, units);
    check_attention(twins, tokens, units);
    check_spans(twins, tokens, units);
  }
  check_key_scores(twins);
  check_stores_and_copies(twins);
  scored_meanwhile += twins.tiered.bus->scored_meanwhile;
}

// A card without room for copies reads keys where they lie, and one without pinned pages copies nothing.
void without_copies() {
  const Shape shape = {KERNELS_KV_F16, 64, 4, 2, 300};
  Twins twins(shape, Units::kTensorCores, NearRoom::kUsualBytes);
  const std::vector<float> queries = numbers(70 * shape.heads * shape.dim);
  const Asked asked = {70, 4, 0, 270};
  const Best expected = best_keys(twins.plain, asked, queries, false);
  Plan plan = plan_of(shape, 70);
  while (plan.mass) plan = plan_of(shape, 70);
  const Attended attended = attend(twins.plain, plan, queries, nullptr);
  Document &tiered = twins.tiered;
  for (bool full : {true, false}) {
    tiered.bus->copied = 0;
    tiered.bus->full = full;
    const Best best = best_keys(tiered, asked, queries, false);
    const Attended also = attend(tiered, plan, queries, nullptr);
    tiered.bus->full = false;
    expect(best.rows == expected.rows && best.tokens == expected.tokens, "a full card has other best keys");
    expect(equal_bits(also.out, attended.out), "a full card attends otherwise");
    expect((tiered.bus->copied == 0) == full, "copies and their room do not agree");
  }
  // room for copies counts as free, and goes back where memory is short
  int64_t free = 0, all = 0, now = 0, whole = 0;
  tiered.card.free_bytes(&free, &all);
  tiered.bus->free_bytes(&now, &whole);
  expect(free - now >= NearRoom::kUsualBytes, "room for copies does not count as free");
  for (char *page : tiered.pages) tiered.card.release(page);
  tiered.pages.clear();
  tiered.bus->pinned.clear();
  tiered.bus->copied = 0;
  for (int64_t p = 0; p < 5; p++) tiered.pages.push_back(static_cast<char *>(tiered.card.take(tiered.page_bytes)));
  std::vector<std::vector<char>> pages;
  for (size_t p = 0; p < 5; p++) pages.push_back(twins.plain.page(p));
  tiered.fill(pages);
  expect(best_keys(tiered, asked, queries, false).rows == expected.rows, "other best keys after pinned pages are gone");
  expect(tiered.bus->copied == 0, "rows are copied when no page is pinned any more");
}

// As the header has it.
void contract() {
  kernels_device *card = nullptr, *processor = nullptr;
  expect(kernels_open_card(0, 1, &card) == KERNELS_OK, kernels_last_error());
  if (card == nullptr) return;
  void *first = nullptr, *second = nullptr, *huge = nullptr;
  constexpr int64_t kBytes = 70000;
  expect(kernels_card_take_pinned(card, kBytes, &first) == KERNELS_OK, kernels_last_error());
  expect(kernels_card_take_pinned(card, kBytes, &second) == KERNELS_OK, kernels_last_error());
  std::vector<char> given(kBytes), found(kBytes);
  for (char &each : given) each = static_cast<char>(draws());
  const kernels_piece piece = {static_cast<const char *>(first), static_cast<char *>(second), kBytes};
  expect(kernels_card_copy(card, first, given.data(), kBytes) == KERNELS_OK, kernels_last_error());
  expect(kernels_copy(card, &piece, 1) == KERNELS_OK, kernels_last_error());
  expect(kernels_card_copy(card, found.data(), second, kBytes) == KERNELS_OK && found == given,
         "pinned memory is not copied");
  expect(kernels_card_take_pinned(card, int64_t{1} << 44, &huge) == KERNELS_NO_MEMORY, "a system gives more than it has");
  expect(kernels_card_release(card, first) == KERNELS_OK && kernels_card_release(card, second) == KERNELS_OK,
         kernels_last_error());
  expect(kernels_copy(card, &piece, 1) == KERNELS_UNSUPPORTED, "released pinned memory is still the card's");
  kernels_close(card);
  expect(kernels_open(kernels_isa_count() - 1, 1, &processor) == KERNELS_OK, kernels_last_error());
  expect(kernels_card_take_pinned(processor, kBytes, &first) == KERNELS_UNSUPPORTED, "a processor has pinned memory");
  kernels_close(processor);
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot use pinned memory: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  int64_t turn = 0;
  for (Units units : {Units::kTensorCores, Units::kOrdinary}) {
    for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
      // which tensor cores leave to ordinary units
      if (units == Units::kOrdinary && dtype == KERNELS_KV_F32) continue;
      const int64_t dims[] = {6, 33, 64, 80, 128}, near[] = {0, 1, 37, 64, 100};
      for (int i = 0; i < 2; i++, turn++) {
        compare({dtype, dims[turn % 5], 4, 2, 120 + drawn(60), turn % 3 == 0}, units, near[turn % 4]);
      }
    }
  }
  compare({KERNELS_KV_F16, 256, 4, 4, 120}, Units::kTensorCores, 50);
  compare({KERNELS_KV_F16, 64, 8, 1, 150}, Units::kTensorCores, 90);
  without_copies();
  contract();
  expect(searches_of_copies > 50 && attentions_of_copies > 20 && attentions_in_place > 10,
         "too few ways were tried: " + std::to_string(searches_of_copies) + ", " + std::to_string(attentions_of_copies) +
             ", " + std::to_string(attentions_in_place));
  expect(scored_meanwhile > 50, "keys cross the bus only while nothing is scored");
  return end("pinned", ", " + std::to_string(searches_of_copies) + " searches and " +
                           std::to_string(attentions_of_copies) + " attentions read copies");
}
