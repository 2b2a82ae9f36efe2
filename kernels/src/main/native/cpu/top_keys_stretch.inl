// A search with few queries by sketches: of a stretch of pages, first those are left out whose mean
// and radius rule them out, and all keys of the others are bounded; then the best bounded ones are
// scored, and last whatever still may belong to the k best.

namespace longform {
namespace LONGFORM_ISA {

// Bytes of the bounds of a stretch: they stay in the second-level cache.
constexpr int64_t kStretchBytes = 1 << 18;
constexpr int64_t kMostPages = 64;
// More keys of a page than this are faster scored all together.
constexpr int64_t kFewSurvivors = 24;
// Keys that are fetched at once.
constexpr int64_t kPending = 32;

// Bounds for one group of queries.
struct GroupBounds {
  int64_t open;         // pages that remain
  int32_t *pages;       // (open) their places in the stretch
  float *maxima;        // (open, 4)
  float *bounds;        // (open, 4, 64)
  bool last_open;       // the page before remained: so will this one, perhaps
};

struct Stretch {
  int64_t most_pages;
  GroupBounds *groups;  // (key heads, groups of each)
  Best *tops;           // (k)
  const kernels_run *runs;  // pages, side by side in the list
  const char *const *sketches;
  int64_t pages;

  Stretch(Carver &carver, int64_t count, int64_t k)
      : most_pages(most(4, least(kMostPages, kStretchBytes / most(1, count * 16 * kSketchRows)))),
        groups(carver.take<GroupBounds>(count)),
        tops(carver.take<Best>(k)),
        runs(nullptr),
        sketches(nullptr),
        pages(0) {
    for (int64_t i = 0; i < count; i++) {
      const GroupBounds group = {0, carver.take<int32_t>(most_pages), carver.take<float>(most_pages * 4),
                                 carver.take<float>(most_pages * 4 * kSketchRows), true};
      if (carver.block != nullptr) groups[i] = group;
    }
  }
};

// to the second-level cache
inline void fetch(const char *at, int64_t bytes) {
  for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + line, 0, 2);
}

// What the k-th best of query h is at least.
inline float least_bar(const FewPiece &piece, const FewGroup &group, int h) {
  const float all = shared_bar(piece.job, group.answers[h]), own = group.few.heaps[h][0].score;
  return all > own ? all : own;
}

inline void least_bars(const FewPiece &piece, const FewGroup &group, float *bars) {
  const int width = width_of(group.few.count);
  for (int h = 0; h < width; h++) bars[h] = h < group.few.count ? least_bar(piece, group, h) : INFINITY;
}

// Bounds the keys of one page for one group, unless all of them are ruled out at once.
inline void bound_page(const FewGroup &group, const PageSketch &sketch, int64_t quads, int32_t page, const float *bars,
                       GroupBounds &out) {
  const int width = width_of(group.few.count);
  float bases[4];
  page_bases(group.few, width, sketch.mean, bases);
  out.last_open = false;
  for (int h = 0; h < width; h++) out.last_open |= !(bases[h] + group.coded.norm[h] * sketch.header.radius < bars[h]);
  if (!out.last_open) return;
  float *bounds = out.bounds + out.open * 4 * kSketchRows, *maxima = out.maxima + out.open * 4;
  out.pages[out.open++] = page;
  switch (width) {
    case 1: row_bounds<1>(group.coded, sketch, quads, bases, bounds, maxima); break;
    case 2: row_bounds<2>(group.coded, sketch, quads, bases, bounds, maxima); break;
    default: row_bounds<4>(group.coded, sketch, quads, bases, bounds, maxima); break;
  }
}

// The sketches of a page lie side by side, and are read in the order of memory.
inline void bound_stretch(const FewPiece &piece, Stretch &stretch) {
  const SketchLayout layout(piece.job.layout.head_dim);
  const int64_t heads = piece.job.layout.kv_heads, count = heads * piece.per_head;
  constexpr int64_t kBarsAtOnce = 64;
  float bars[kBarsAtOnce][4];
  for (int64_t i = 0; i < count; i++) {
    stretch.groups[i].open = 0;
    if (i < kBarsAtOnce) least_bars(piece, piece.groups[i], bars[i]);
  }
  constexpr int64_t ahead = 2;
  for (int64_t page = 0; page < stretch.pages; page++) {
    for (int64_t g = 0; g < heads; g++) {
      const int64_t next = page * heads + g + ahead;
      if (next / heads < stretch.pages) {
        const char *at = stretch.sketches[next / heads] + next % heads * layout.bytes;
        fetch(at + layout.mean, layout.bytes - layout.mean);
        if (stretch.groups[next % heads * piece.per_head].last_open) fetch(at, layout.mean);
      }
      const PageSketch sketch(stretch.sketches[page] + g * layout.bytes, layout);
      for (int64_t i = g * piece.per_head; i < (g + 1) * piece.per_head && piece.groups[i].few.count > 0; i++) {
        float own[4];
        if (i >= kBarsAtOnce) least_bars(piece, piece.groups[i], own);
        bound_page(piece.groups[i], sketch, layout.quads, static_cast<int32_t>(page), i < kBarsAtOnce ? bars[i] : own,
                   stretch.groups[i]);
      }
    }
  }
}

// Scores what the bounds of one stretch leave over for the queries of one group.
template <typename Keys, bool Widens>
struct StretchSearch {
  FewPiece &piece;
  FewGroup &group;
  const Stretch &stretch;
  const GroupBounds &bounds;
  int64_t g;
  int width;
  float bars[4];
  int pending;
  Best waiting[kPending];  // bounds
  int waiting_query[kPending];

  KeyRun page_run(int64_t i) const {
    const kernels_run &run = stretch.runs[bounds.pages[i]];
    const char *keys = run.key + g * piece.job.layout.head_stride;
    return {keys, piece.job.layout.row_bytes, run.row, run.count, keys};
  }

  void run() {
    if (bounds.open == 0) return;
    least_bars(piece, group, bars);
    for (int h = 0; h < group.few.count; h++) {
      group.few.unordered = true;
      group.few.raise(h, width);
    }
    for (int h = 0; h < group.few.count; h++) score_tops(h);
    score_rest();
    for (int h = 0; h < group.few.count; h++) share(piece.job, group.answers[h], group.few.heaps[h]);
  }

  const float *bounds_of(int64_t i, int h) const { return bounds.bounds + (i * 4 + h) * kSketchRows; }

  // bit by bit the keys of an open page whose bound for query h is at least `bar`
  uint64_t reaching(int64_t i, int h, float bar) const {
    if (bounds.maxima[i * 4 + h] < bar) return 0;
    uint64_t rows = 0;
    for (int row = 0; row < kSketchRows; row += simd::W) {
      rows |= static_cast<uint64_t>(lanes::not_less(simd::load(bounds_of(i, h) + row), simd::set(bar))) << row;
    }
    return rows;
  }

  // the key behind a bound: row = open page * 64 + row of the page
  const char *key_of(int64_t place) const {
    return page_run(place / kSketchRows).keys + place % kSketchRows * piece.job.layout.row_bytes;
  }

  void score(int h, int64_t place) {
    const KeyRun page = page_run(place / kSketchRows);
    const int64_t row = page.first_row + place % kSketchRows;
    const char *key = key_of(place);
    if (holds(group.few.heaps[h], piece.job.request.k, row)) return;
    float score;
    if (Widens) {
      widen_run(piece, {key, page.row_bytes, row, 1, key});
      score = few_score<Keys>(group.few, h, reinterpret_cast<const char *>(piece.widened), piece.padded);
    } else {
      score = few_score<Keys>(group.few, h, key, piece.job.layout.head_dim);
    }
    piece.rescored++;
    if (score > -INFINITY) group.few.take(h, width, piece.job.request.k, piece.job.blocks, {score, row});
    bars[h] = bars[h] > group.few.heaps[h][0].score ? bars[h] : group.few.heaps[h][0].score;
  }

  // the k best bounds of query h: their scores raise the bar for all others
  void score_tops(int h) {
    const int64_t k = piece.job.request.k;
    Best *tops = stretch.tops;
    for (int64_t j = 0; j < k; j++) tops[j] = kNothing;
    for (int64_t i = 0; i < bounds.open; i++) {
      const float bar = bars[h] > tops[0].score ? bars[h] : tops[0].score;
      for (uint64_t rows = reaching(i, h, bar); rows != 0; rows &= rows - 1) {
        const int row = __builtin_ctzll(rows);
        const Best entry = {bounds_of(i, h)[row], i * kSketchRows + row};
        if (worse(tops[0], entry)) sink(tops, k, 0, entry);
      }
    }
    sort(tops, k);
    for (int64_t j = 0; j < k && tops[j].row != INT64_MAX; j++) fetch(key_of(tops[j].row), piece.job.layout.row_bytes);
    for (int64_t j = 0; j < k && tops[j].row != INT64_MAX && !(tops[j].score < bars[h]); j++) score(h, tops[j].row);
  }

  void score_rest() {
    pending = 0;
    for (int64_t i = 0; i < bounds.open; i++) {
      uint64_t rows[4];
      int64_t count = 0;
      for (int h = 0; h < group.few.count; h++) count += __builtin_popcountll(rows[h] = reaching(i, h, bars[h]));
      if (count > kFewSurvivors) {
        score_page(i);
        continue;
      }
      for (int h = 0; h < group.few.count; h++) {
        for (; rows[h] != 0; rows[h] &= rows[h] - 1) {
          const int row = __builtin_ctzll(rows[h]);
          const int64_t place = i * kSketchRows + row;
          fetch(key_of(place), piece.job.layout.row_bytes);
          waiting[pending] = {bounds_of(i, h)[row], place};
          waiting_query[pending++] = h;
          if (pending == kPending) score_waiting();
        }
      }
    }
    score_waiting();
  }

  void score_waiting() {
    for (int i = 0; i < pending; i++) {
      if (!(waiting[i].score < bars[waiting_query[i]])) score(waiting_query[i], waiting[i].row);
    }
    pending = 0;
  }

  void score_page(int64_t i) {
    whole_run<Keys, Widens>(piece, &group, 1, page_run(i));
    least_bars(piece, group, bars);
  }
};

template <typename Keys, bool Widens>
inline void search_stretch(FewPiece &piece) {
  bound_stretch(piece, *piece.stretch);
  for (int64_t g = 0; g < piece.job.layout.kv_heads; g++) {
    for (int64_t i = g * piece.per_head; i < (g + 1) * piece.per_head && piece.groups[i].few.count > 0; i++) {
      StretchSearch<Keys, Widens> search = {
          piece, piece.groups[i], *piece.stretch, piece.stretch->groups[i], g, width_of(piece.groups[i].few.count),
          {},    0,               {},             {}};
      search.run();
    }
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
