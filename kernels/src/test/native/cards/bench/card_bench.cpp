// Times of the operations on card 0, with everything in its memory, beside what its memory and the CPU's copies allow.
// card_bench [quick]: prints a table in Markdown. Each time is the median of repetitions after a first one, host clock
// around calls and the wait for the card. "Roofline" is the larger of bytes over the measured copy rate and
// floating-point operations over the rate that is given (FLOPS environment: of the card's float32 units).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels.h"
#include "kv_rows.h"
#include "times.h"

namespace {

kernels_device *card = nullptr;
double copy_rate = 0;  // bytes a second, read plus written, from the largest row-wise operation; of the bus for pinned keys

void done(int32_t status) {
  if (status == KERNELS_OK) return;
  std::fprintf(stderr, "Cannot measure: %s\n", kernels_last_error());
  std::exit(1);
}

// The time until the card has done it: what writes to its memory returns before.
double timed(const std::function<void()> &operation, int repetitions) {
  return seconds(
      [&] {
        operation();
        done(kernels_finish(card));
      },
      repetitions);
}

template <typename T>
T *allocate(int64_t count) {
  void *memory = nullptr;
  done(kernels_card_allocate(card, count * static_cast<int64_t>(sizeof(T)), &memory));
  return static_cast<T *>(memory);
}

// random numbers of about one, the same tile again and again: zeros would be faster than real data
template <typename T>
T *filled(int64_t count, const std::function<T(std::mt19937 &)> &draw, int64_t tile_numbers = 1 << 20) {
  std::mt19937 random(5);
  std::vector<T> tile(static_cast<size_t>(std::min(count, tile_numbers)));
  for (T &v : tile) v = draw(random);
  T *memory = allocate<T>(count);
  for (int64_t at = 0; at < count; at += static_cast<int64_t>(tile.size())) {
    const int64_t here = std::min(count - at, static_cast<int64_t>(tile.size()));
    done(kernels_card_copy(card, memory + at, tile.data(), here * static_cast<int64_t>(sizeof(T))));
  }
  return memory;
}

float *floats(int64_t count) {
  return filled<float>(count, [](std::mt19937 &r) { return static_cast<float>(r() % 20001) / 1e4f - 1; });
}
// float16 or bfloat16 numbers of sound size
uint16_t *halves(int64_t count, bool brain) {
  return filled<uint16_t>(count, [brain](std::mt19937 &r) {
    return static_cast<uint16_t>((r() & 1) << 15 | (brain ? (120 + r() % 8) << 7 | (r() & 127) : (9 + r() % 6) << 10 | (r() & 1023)));
  });
}

// Float16 numbers nearly as a normal distribution has them, in rows of `dim`. How many keys a search need not read
// depends on how their scores are spread: the tile is so long that a key of a head returns once or twice in a million.
uint16_t *normal_halves(int64_t count, int64_t dim) {
  const auto draw = [](std::mt19937 &r) {
    const uint32_t a = r(), b = r();
    const float sum = static_cast<float>(a & 0xffff) + static_cast<float>(a >> 16) + static_cast<float>(b & 0xffff) +
                      static_cast<float>(b >> 16);
    return longform::kv::to_finite_half((sum - 131070) / 37837);
  };
  return filled<uint16_t>(count, draw, 524287 * dim);
}

void row(const std::string &what, double time, double bytes, double operations) {
  const char *flops = std::getenv("FLOPS");
  const double by_bytes = copy_rate > 0 ? bytes / copy_rate : 0;
  const double by_flops = flops == nullptr ? 0 : operations / std::atof(flops);
  const double floor = std::max(by_bytes, by_flops);
  std::printf("| %s | %.3f | %.1f | %.2f | %.3f | %.0f%% |\n", what.c_str(), time * 1e3, bytes / time / 1e9,
              operations / time / 1e12, floor * 1e3, 100 * floor / time);
  std::fflush(stdout);
}

void row_wise(int64_t elements) {
  float *x = floats(elements), *y = floats(elements);
  const double bytes = 12. * static_cast<double>(elements);
  const double time = timed([&] { done(kernels_add(card, x, y, elements)); }, 20);
  copy_rate = bytes / time;
  row("add, " + std::to_string(elements >> 20) + "M float32", time, bytes, static_cast<double>(elements));
  kernels_card_release(card, x);
  kernels_card_release(card, y);
}

void matmul(const char *name, int64_t dtype, int64_t tokens, int64_t inner, int64_t outer) {
  const int64_t weights = inner * outer;
  const double weight_bytes = static_cast<double>(weights) * (dtype == KERNELS_Q8_0 ? 34. / 32 : 2.);
  void *w = dtype == KERNELS_Q8_0 ? static_cast<void *>(filled<uint8_t>(weights / 32 * 34, [](std::mt19937 &r) {
    return static_cast<uint8_t>(r() & 0x33);
  }))
                                  : static_cast<void *>(halves(weights, dtype == KERNELS_BF16));
  float *x = floats(tokens * inner), *out = allocate<float>(tokens * outer);
  const kernels_product product = {w, out, outer, dtype};
  const double time = timed([&] { done(kernels_matmul(card, x, tokens, inner, &product, 1)); }, 10);
  row(std::string("matmul ") + name + ", " + std::to_string(tokens) + " x " + std::to_string(inner) + " x " +
          std::to_string(outer),
      time, weight_bytes + 4. * static_cast<double>(tokens * (inner + outer)),
      2. * static_cast<double>(tokens) * static_cast<double>(weights));
  kernels_card_release(card, w);
  kernels_card_release(card, x);
  kernels_card_release(card, out);
}

// A cache of float16 rows as a device that holds pages would have it: [head][key or value][row]; or in pinned pages.
struct Cache {
  int64_t rows, kv_heads, dim;
  uint16_t *memory;
  kernels_kv_layout layout;
  std::vector<char *> pinned;

  Cache(int64_t rows_, int64_t kv_heads_, int64_t dim_, bool normal = false)
      : rows(rows_), kv_heads(kv_heads_), dim(dim_),
        memory(normal ? normal_halves(2 * rows * kv_heads * dim, dim) : halves(2 * rows * kv_heads * dim, false)) {
    layout = {KERNELS_KV_F16, kv_heads, dim, dim * 2, rows * dim * 2, 2 * rows * dim * 2};
  }
  ~Cache() {
    kernels_card_release(card, memory);
    for (char *page : pinned) kernels_card_release(card, page);
  }

  void move_to_pinned() {
    const int64_t part = 64 * dim * 2, bytes = 2 * kv_heads * part;
    char *page = allocate<char>(bytes);
    for (int64_t row = 0; row < rows; row += 64) {
      std::vector<kernels_piece> pieces;
      for (int64_t i = 0; i < 2 * kv_heads; i++) {
        pieces.push_back({reinterpret_cast<const char *>(memory + (i * rows + row) * dim), page + i * part, part});
      }
      done(kernels_copy(card, pieces.data(), static_cast<int64_t>(pieces.size())));
      void *there = nullptr;
      done(kernels_card_take_pinned(card, bytes, &there));
      pinned.push_back(static_cast<char *>(there));
      const kernels_piece whole = {page, pinned.back(), bytes};
      done(kernels_copy(card, &whole, 1));
    }
    done(kernels_card_release(card, page));
    done(kernels_card_release(card, memory));
    memory = nullptr;
    layout.value_stride = part;
    layout.head_stride = 2 * part;
  }

  const char *key(int64_t row) const {
    if (pinned.empty()) return reinterpret_cast<const char *>(memory + row * dim);
    return pinned[static_cast<size_t>(row / 64)] + row % 64 * layout.row_bytes;
  }

  // pages of 64 rows, as Longform's caches give them
  std::vector<kernels_run> runs(int64_t from, int64_t to) const {
    std::vector<kernels_run> all;
    for (int64_t row = from; row < to; row += 64 - row % 64) {
      all.push_back({key(row), row, row - from, std::min(64 - row % 64, to - row)});
    }
    return all;
  }
};

// One segment of an attention, its rows in runs.
struct Part {
  std::vector<kernels_run> runs;
  int64_t starts[2];
  kernels_segment segment = {};

  Part(std::vector<kernels_run> rows, int64_t band, int64_t width)
      : runs(std::move(rows)), starts{0, static_cast<int64_t>(runs.size())} {
    segment.groups = 1;
    segment.key_stride = 1;
    segment.band = band;
    segment.width = width;
    segment.query_to = INT64_MAX;
    segment.logit_scale = 1;
    segment.resident = 1;
  }
};

std::vector<double> frequencies(int64_t dim) {
  std::vector<double> all;
  for (int64_t i = 0; i < dim / 2; i++) {
    all.push_back(std::pow(500000., -2. * static_cast<double>(i) / static_cast<double>(dim)));
  }
  return all;
}

// Attention of consecutive queries of a cache.
class Attention {
 public:
  Attention(const Cache &cache, int64_t heads, float *queries, float *out)
      : cache_(cache), angles_(frequencies(cache.dim)), call_{} {
    call_.queries = queries;
    call_.out = out;
    call_.heads = heads;
    call_.scale = 1 / std::sqrt(static_cast<double>(cache.dim));
    call_.frequencies = angles_.data();
    call_.pairs = cache.dim / 2;
    call_.attention_factor = 1;
    call_.layout = &cache_.layout;
  }

  void ask(int64_t first_row, int64_t tokens, std::vector<Part> &parts) {
    std::vector<kernels_segment> segments;
    for (Part &part : parts) {
      part.segment.runs = part.runs.data();
      part.segment.run_starts = part.starts;
      segments.push_back(part.segment);
    }
    call_.first_row = first_row;
    call_.tokens = tokens;
    call_.segments = segments.data();
    call_.segment_count = static_cast<int64_t>(segments.size());
    done(kernels_attend(card, &call_));
  }

 private:
  const Cache &cache_;
  const std::vector<double> angles_;
  kernels_attention call_;
};

std::string sizes(const Cache &cache, int64_t heads) {
  return std::to_string(heads) + "/" + std::to_string(cache.kv_heads) + " heads of " + std::to_string(cache.dim) +
         (cache.pinned.empty() ? "" : ", pinned");
}

void attend(const Cache &cache, int64_t tokens, int64_t heads, int64_t window) {
  const int64_t first = cache.rows - tokens, from = std::max<int64_t>(0, first - window);
  std::vector<Part> parts;
  parts.emplace_back(cache.runs(from, cache.rows), KERNELS_BAND_NEAR, window);
  float *queries = floats(tokens * heads * cache.dim), *out = allocate<float>(tokens * heads * cache.dim);
  Attention attention(cache, heads, queries, out);
  const double time = timed([&] { attention.ask(first, tokens, parts); }, 10);
  double seen = 0;
  for (int64_t t = first; t < cache.rows; t++) seen += static_cast<double>(std::min(window, t + 1));
  row("attend, " + std::to_string(tokens) + " queries, window " + std::to_string(window) + ", " + sizes(cache, heads), time,
      4. * static_cast<double>((cache.rows - from) * cache.kv_heads * cache.dim),
      4. * seen * static_cast<double>(heads * cache.dim));
  kernels_card_release(card, queries);
  kernels_card_release(card, out);
}

// All blocks of a document under `lm-infinite`, one layer: the newest tokens at their distance, the first ones at that of
// the window. Counted is what the mask leaves: a program that computes more has done the same work.
void prefill(const Cache &cache, int64_t heads, int64_t block, int64_t window, int64_t sinks) {
  float *queries = floats(block * heads * cache.dim), *out = allocate<float>(block * heads * cache.dim);
  Attention attention(cache, heads, queries, out);
  double seen = 0, read = 0;
  std::vector<std::vector<Part>> plans;
  for (int64_t first = 0; first < cache.rows; first += block) {
    const int64_t from = std::max<int64_t>(0, first - window + 1), end = first + block;
    const int64_t far = std::min(sinks, end - window);
    std::vector<Part> &parts = plans.emplace_back();
    parts.emplace_back(cache.runs(from, end), KERNELS_BAND_NEAR, window);
    if (far > 0) {
      parts.emplace_back(cache.runs(0, far), KERNELS_BAND_FAR, window);
      kernels_segment &segment = parts.back().segment;
      segment.key_kind = segment.query_kind = KERNELS_POSITION_CONSTANT;
      segment.query_position = static_cast<double>(window);
    }
    read += static_cast<double>(end - from + std::max<int64_t>(0, far));
    for (int64_t t = first; t < end; t++) {
      seen += static_cast<double>(std::min(window, t + 1) + std::clamp<int64_t>(t - window + 1, 0, sinks));
    }
  }
  const double time = timed(
      [&] {
        for (size_t i = 0; i < plans.size(); i++) attention.ask(static_cast<int64_t>(i) * block, block, plans[i]);
      },
      3);
  row("attend, LM-Infinite prefill of " + std::to_string(cache.rows) + " tokens, window " + std::to_string(window) +
          " and " + std::to_string(sinks) + " first ones, " + sizes(cache, heads),
      time, 4. * read * static_cast<double>(cache.kv_heads * cache.dim),
      4. * seen * static_cast<double>(heads * cache.dim));
  kernels_card_release(card, queries);
  kernels_card_release(card, out);
}

void top_keys(const Cache &cache, int64_t queries, int64_t heads) {
  const std::vector<kernels_run> runs = cache.runs(0, cache.rows);
  float *q = floats(queries * heads * cache.dim);
  std::vector<int64_t> rows(static_cast<size_t>(heads * queries * 4));
  std::vector<float> scores(rows.size());
  int64_t rescored = 0;
  kernels_top_keys_request request = {};
  request.queries = q;
  request.query_count = queries;
  request.heads = heads;
  request.layout = &cache.layout;
  request.run_count = static_cast<int64_t>(runs.size());
  request.to = cache.rows;
  request.k = 4;
  request.block_rows = 1;
  request.rows = rows.data();
  request.scores = scores.data();
  request.rescored = &rescored;
  // as a long document has it: its pages are listed on the card
  kernels_run *list = allocate<kernels_run>(request.run_count);
  done(kernels_card_copy(card, list, runs.data(), request.run_count * static_cast<int64_t>(sizeof(kernels_run))));
  request.runs = list;
  request.resident = 1;
  const double time = timed([&] { done(kernels_top_keys(card, &request)); }, 5);
  const std::string size =
      std::to_string(queries) + " queries of " + sizes(cache, heads) + ", " + std::to_string(cache.rows >> 10) + "k keys";
  const double bytes = 2. * static_cast<double>(cache.rows * cache.kv_heads * cache.dim);
  const double products = 2. * static_cast<double>(queries * heads) * static_cast<double>(cache.rows * cache.dim);
  row("top keys, " + size, time, bytes, products);
  if (!cache.pinned.empty()) {
    kernels_card_release(card, q);
    kernels_card_release(card, list);
    return;
  }
  request.runs = runs.data();
  request.resident = 0;
  row("top keys listed by the host, " + size, timed([&] { done(kernels_top_keys(card, &request)); }, 5), bytes, products);
  request.runs = list;
  request.resident = 1;
  // the same search, and its votes counted in place of copied
  for (int64_t order : {KERNELS_ORDER_VOTES, KERNELS_ORDER_RANK}) {
    for (int64_t limit : {int64_t{127}, static_cast<int64_t>(rows.size())}) {
      int64_t count = 0;
      const kernels_votes_request votes = {&request, order, limit, rows.data(), &count};
      const double voted = timed([&] { done(kernels_votes(card, &votes)); }, 5);
      const std::string by = order == KERNELS_ORDER_RANK ? "rank, " : "votes, ";
      row("up to " + std::to_string(limit) + " tokens by " + by + size, voted, bytes, products);
    }
  }
  kernels_card_release(card, q);
  kernels_card_release(card, list);
}

// One query's search with sketches beside the same without, and the making of the sketches. Bytes of the search are
// those of the sketches and of the keys that it scored (which the queries of a head read together).
void sketched_top_keys(const Cache &cache, int64_t heads) {
  const std::vector<kernels_run> runs = cache.runs(0, cache.rows);
  const int64_t sketch_bytes = kernels_sketch_bytes(cache.dim) * cache.kv_heads;
  const int64_t pages = static_cast<int64_t>(runs.size()), bytes = pages * sketch_bytes;
  char *sketches = allocate<char>(bytes);
  std::vector<kernels_sketch_page> each;
  std::vector<const char *> addresses;
  for (const kernels_run &run : runs) {
    each.push_back({run.key, sketches + static_cast<int64_t>(each.size()) * sketch_bytes});
    addresses.push_back(each.back().sketch);
  }
  const double keys = 2. * static_cast<double>(cache.rows * cache.kv_heads * cache.dim);
  const std::string size = sizes(cache, heads) + ", " + std::to_string(cache.rows >> 10) + "k keys";
  const double making = timed([&] { done(kernels_sketch(card, &cache.layout, each.data(), pages)); }, 3);
  row("sketches, " + size, making, keys + (cache.pinned.empty() ? static_cast<double>(bytes) : 0), 0);

  float *q = floats(heads * cache.dim);
  std::vector<int64_t> rows(static_cast<size_t>(heads * 4));
  std::vector<float> scores(rows.size());
  int64_t rescored = 0;
  kernels_run *list = allocate<kernels_run>(pages);
  done(kernels_card_copy(card, list, runs.data(), pages * static_cast<int64_t>(sizeof(kernels_run))));
  const char **there = allocate<const char *>(pages);
  done(kernels_card_copy(card, there, addresses.data(), pages * static_cast<int64_t>(sizeof(char *))));
  kernels_top_keys_request request = {};
  request.queries = q;
  request.query_count = 1;
  request.heads = heads;
  request.layout = &cache.layout;
  request.runs = list;
  request.run_count = pages;
  request.to = cache.rows;
  request.k = 4;
  request.block_rows = 1;
  request.rows = rows.data();
  request.scores = scores.data();
  request.rescored = &rescored;
  request.resident = 1;
  int64_t count = 0;
  const kernels_votes_request votes = {&request, KERNELS_ORDER_VOTES, 127, rows.data(), &count};
  const auto vote = [&] { done(kernels_votes(card, &votes)); };
  row("votes of one query without sketches, " + size, timed(vote, 5), keys, 0);
  request.sketches = there;
  done(kernels_top_keys(card, &request));
  const double share = static_cast<double>(rescored) / static_cast<double>(heads * cache.rows);
  // of pinned keys what crosses the bus
  const double read = share * keys + (cache.pinned.empty() ? static_cast<double>(bytes) : 0);
  char scored[64];
  std::snprintf(scored, sizeof scored, ", %.1f%% of the keys scored", 100 * share);
  row("votes of one query with sketches, " + size + scored, timed(vote, 5), read, 0);
  kernels_card_release(card, sketches);
  kernels_card_release(card, q);
  kernels_card_release(card, list);
  kernels_card_release(card, there);
}

// Keys that lie in pinned memory: what crosses the bus, over the rate of copies across it.
void across_the_bus(int64_t rows, int64_t queries, int64_t kv_heads, int64_t dim) {
  Cache cache(rows, kv_heads, dim, true);
  cache.move_to_pinned();
  const int64_t bytes = 2 * kv_heads * 64 * dim * 2;
  const int64_t some = std::min<int64_t>(1000, static_cast<int64_t>(cache.pinned.size()));
  char *page = allocate<char>(bytes);
  const double all = static_cast<double>(some * bytes);
  const auto copies = [&](bool out) {
    return timed(
        [&] {
          for (int64_t i = 0; i < some; i++) {
            char *there = cache.pinned[static_cast<size_t>(i)];
            const kernels_piece piece = {out ? page : there, out ? there : page, bytes};
            done(kernels_copy(card, &piece, 1));
          }
        },
        3);
  };
  const double in = copies(false);
  copy_rate = all / in;
  row("pages of " + std::to_string(bytes >> 10) + " KB from pinned memory to the card", in, all, 0);
  row("pages of " + std::to_string(bytes >> 10) + " KB from the card to pinned memory", copies(true), all, 0);
  kernels_card_release(card, page);
  top_keys(cache, 1, 4 * kv_heads);
  top_keys(cache, queries, 4 * kv_heads);
  sketched_top_keys(cache, 4 * kv_heads);
  attend(cache, queries, 4 * kv_heads, std::min<int64_t>(4096, rows - queries));
}

}  // namespace

int main(int count, char **arguments) {
  const bool quick = count > 1 && std::strcmp(arguments[1], "quick") == 0;
  if (kernels_open_card(0, 1, &card) != KERNELS_OK) {
    std::fprintf(stderr, "Cannot open a card: %s\n", kernels_last_error());
    return 1;
  }
  std::printf("| operation (%s) | ms | GB/s | TFLOP/s | roofline ms | of it |\n|---|---|---|---|---|---|\n",
              kernels_card_name(0));
  row_wise(quick ? 1 << 16 : 1 << 28);
  const int64_t width = quick ? 256 : 4096, inner = quick ? 512 : 14336;
  for (int64_t tokens : {int64_t{1}, quick ? int64_t{16} : int64_t{512}}) {
    matmul("BF16", KERNELS_BF16, tokens, width, inner);
    matmul("Q8_0", KERNELS_Q8_0, tokens, width, inner);
  }
  {
    const Cache cache(quick ? 1024 : 131072, quick ? 2 : 8, quick ? 64 : 128);
    const int64_t heads = 4 * cache.kv_heads;
    attend(cache, 1, heads, cache.rows);
    attend(cache, quick ? 16 : 512, heads, quick ? 256 : 4096);
    if (!quick) prefill(cache, heads, 512, 4096, 4);
  }
  if (quick) prefill(Cache(256, 2, 64), 8, 64, 128, 4);
  {
    const Cache cache(quick ? 1024 : 1 << 20, quick ? 2 : 8, quick ? 64 : 128);
    const int64_t heads = 4 * cache.kv_heads;
    top_keys(cache, 1, heads);
    top_keys(cache, quick ? 16 : 512, heads);
  }
  {
    const Cache cache(quick ? 1024 : 1 << 20, quick ? 2 : 8, quick ? 64 : 128, true);
    sketched_top_keys(cache, 4 * cache.kv_heads);
  }
  across_the_bus(quick ? 1024 : 1 << 18, quick ? 20 : 512, quick ? 2 : 8, quick ? 64 : 128);
  kernels_close(card);
  return 0;
}
