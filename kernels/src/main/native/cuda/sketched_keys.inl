// The search for the best keys that does not read all keys (sketch.h). For up to 16 rows of queries of a key head,
// the work of these kernels and of top_keys_halves_* or top_keys_cores_halves_*, which score:
//
//   sketch_queries   queries as signed bytes
//   sketch_bounds    for each half page the largest bound of each row of queries; a warp has a page, and each lane four
//                    rows of keys: two of its word's low and high halves, of whole numbers times four dimensions at once
//   sketch_peaks     of each row the half pages with the largest bounds, up to as many as a block has threads for; they
//                    are scored. Of a million random keys and four rows, four each leave 36% of the half pages open,
//                    eight 22% and 32, which is what four rows get, 16%, as the threshold of all keys would.
//   sketch_open      half pages where some row's bound reaches the k-th best of those scores; they are scored, too
//
// The threshold is a score and not a bound from below: what a sketch does not know of a key is about as much as
// scores of random keys differ. What has no sketch, or no bound, is always scored.

namespace longform::card {

CARD int64_t halves_of(const SketchedArgs &args) { return 2 * args.run_count; }

CARD float *bounds_of_half(const SketchedArgs &args, int64_t kv_head, int64_t half) {
  return args.bounds + (kv_head * halves_of(args) + half) * args.query_rows;
}

// One block for each key head.
CARD_KERNEL(sketch_queries, SketchedArgs) {
  const int64_t kv_head = block_x(), dims = args.layout.head_dim, quads = (dims + 3) / 4;
  const QueryTile queries = asking(args, 0, kv_head);
  const int lane = thread_of_block() % kWarp;
  for (int64_t row = thread_of_block() / kWarp; row < args.padded; row += kThreads / kWarp) {
    const float *query =
        row < args.query_rows ? queries.query(args.queries, args.heads, dims, static_cast<int>(row)) : nullptr;
    float largest = 0;
    double squares = 0;
    for (int64_t d = lane; d < dims && query != nullptr; d += kWarp) {
      largest = fmaxf(largest, fabsf(query[d]));
      squares += static_cast<double>(query[d]) * query[d];
    }
    largest = warp_max(largest);
    squares = warp_sum(squares);
    // beyond 1e30 the bound itself could overflow; NaN counts as that
    const bool bounded = squares < 1e60;
    const float step = bounded ? largest / 127 : 0, inverse = step > 0 ? 1 / step : 0;
    const bool coded = bounded && inverse < INFINITY;
    double rest = 0;
    int sum = 0;
    for (int64_t quad = lane; quad < quads; quad += kWarp) {
      uint32_t word = 0;
      for (int64_t d = 4 * quad; d < least(4 * quad + 4, dims) && query != nullptr; d++) {
        const float code = coded ? fminf(fmaxf(rintf(query[d] * inverse), -127.f), 127.f) : 0;
        const double left = query[d] - static_cast<double>(step) * code;
        rest += left * left;
        sum += static_cast<int>(code);
        word |= (static_cast<uint32_t>(static_cast<int>(code)) & 0xffu) << (d % 4 * 8);
      }
      args.codes[(kv_head * quads + quad) * args.padded + row] = word;
    }
    rest = warp_sum(rest);
    sum = warp_sum(sum);
    if (lane == 0) {
      CodedQuery of = {0.5f * step, INFINITY, INFINITY, 15 * sum};
      if (bounded) {
        of.norm = static_cast<float>(sqrt(squares) * (1 + 1e-6));
        of.rest = static_cast<float>(sqrt(rest) * (1 + 1e-6));
      }
      args.coded[kv_head * args.padded + row] = of;
    }
  }
}

// What a block of sketch_bounds keeps in shared memory.
template <int ROWS>
struct BoundsMemory {
  uint32_t *codes;   // (quads, ROWS)
  float *queries;    // (ROWS, mean dims)
  CodedQuery *coded; // (ROWS)

  static CARD BoundsMemory of_block(const SketchLayout &layout) {
    BoundsMemory memory;
    memory.codes = reinterpret_cast<uint32_t *>(shared_memory());
    memory.queries = reinterpret_cast<float *>(memory.codes + layout.quads * ROWS);
    memory.coded = reinterpret_cast<CodedQuery *>(memory.queries + ROWS * layout.mean_dims);
    return memory;
  }

  CARD void load(const SketchedArgs &args, const SketchLayout &layout, int64_t kv_head) const {
    const QueryTile tile = asking(args, 0, kv_head);
    const int64_t dims = args.layout.head_dim;
    for (int64_t i = thread_of_block(); i < layout.quads * ROWS; i += kThreads) {
      codes[i] = args.codes[kv_head * layout.quads * ROWS + i];
    }
    for (int64_t i = thread_of_block(); i < ROWS * layout.mean_dims; i += kThreads) {
      const int row = static_cast<int>(i / layout.mean_dims);
      const int64_t d = i % layout.mean_dims;
      const bool there = row < args.query_rows && d < dims;
      queries[i] = there ? tile.query(args.queries, args.heads, dims, row)[d] : 0;
    }
    if (thread_of_block() < ROWS) coded[thread_of_block()] = args.coded[kv_head * ROWS + thread_of_block()];
  }
};

// The largest bounds of a page's halves: to lane i that of row i % 16 of the queries and half i / 16. Never NaN.
template <int ROWS>
CARD float page_bound(const BoundsMemory<ROWS> &memory, const SketchLayout &layout, const char *sketch) {
  const int lane = thread_of_block() % kWarp;
  const uint32_t *codes = reinterpret_cast<const uint32_t *>(sketch);
  int low[ROWS], high[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) low[r] = high[r] = 0;
#pragma unroll 8
  for (int64_t quad = 0; quad < layout.quads; quad++) {
    const uint32_t word = codes[quad * kWarp + lane];
    const uint32_t of_low = word & 0x0f0f0f0fu, of_high = word >> 4 & 0x0f0f0f0fu;
#pragma unroll
    for (int r = 0; r < ROWS; r += 4) {
      const FourWords four = *reinterpret_cast<const FourWords *>(memory.codes + quad * ROWS + r);
      const uint32_t each[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
      for (int i = 0; i < 4; i++) {
        low[r + i] = dot4(each[i], of_low, low[r + i]);
        high[r + i] = dot4(each[i], of_high, high[r + i]);
      }
    }
  }
  float bases[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) bases[r] = 0;
  const uint16_t *means = reinterpret_cast<const uint16_t *>(sketch + layout.mean);
  for (int64_t d = lane; d < layout.mean_dims; d += kWarp) {
    const float mean = half_to_float(means[d]);
#pragma unroll
    for (int r = 0; r < ROWS; r++) bases[r] = fmaf(memory.queries[r * layout.mean_dims + d], mean, bases[r]);
  }
  const int row = lane / 16 * 32 + lane % 16;
  const uint16_t *scales = reinterpret_cast<const uint16_t *>(sketch + layout.scale) + row;
  const uint16_t *slacks = reinterpret_cast<const uint16_t *>(sketch + layout.slack) + row;
  const float low_scale = half_to_float(scales[0]), high_scale = half_to_float(scales[16]);
  const float low_slack = half_to_float(slacks[0]), high_slack = half_to_float(slacks[16]);
  const float codes_norm = reinterpret_cast<const SketchHeader *>(sketch + layout.header)->codes_norm;
  float mine = 0;
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    const CodedQuery query = memory.coded[r];
    // 1e-30: what denormal numbers may have lost
    const float base = warp_sum(bases[r]) + 1e-30f, rest = query.rest * codes_norm;
    // Whole numbers below 2^24: twice the codes less 15, so that nothing is lost where products nearly cancel.
    const auto bound = [&](int product, float scale, float slack) {
      const float part = fmaf(query.half_step, static_cast<float>(2 * product - query.centre), rest);
      // of no number, infinity
      return fminf(fmaf(slack, query.norm, fmaf(scale, part, base)), INFINITY);
    };
    float largest = fmaxf(bound(low[r], low_scale, low_slack), bound(high[r], high_scale, high_slack));
#pragma unroll
    for (int mask = 8; mask > 0; mask /= 2) largest = fmaxf(largest, from_lane(largest, mask));
    if (lane % 16 == r) mine = largest;
  }
  return mine;
}

// Blocks: (share of the pages, key head).
template <int ROWS>
CARD void sketch_bounds(const SketchedArgs &args) {
  const int64_t kv_head = block_y();
  const SketchLayout layout(args.layout.head_dim);
  const auto memory = BoundsMemory<ROWS>::of_block(layout);
  memory.load(args, layout, kv_head);
  block_barrier();
  const int lane = thread_of_block() % kWarp, row = lane % 16, half_of_page = lane / 16;
  Slots best;
  best.clear();
  const int64_t begin = args.run_count * block_x() / args.shares, end = args.run_count * (block_x() + 1) / args.shares;
  for (int64_t page = begin + thread_of_block() / kWarp; page < end; page += kThreads / kWarp) {
    const char *sketch = args.sketches[page];
    float bound = INFINITY;
    if (sketch != nullptr) bound = page_bound<ROWS>(memory, layout, sketch + kv_head * layout.bytes);
    if (row >= args.query_rows) continue;
    const int64_t half = 2 * page + half_of_page;
    if (candidates_of_half(args.runs[page], half, args.count) <= 0) bound = NAN;
    bounds_of_half(args, kv_head, half)[row] = bound;
    // what has no bound is scored anyway, and says nothing
    if (bound < INFINITY) best.add(word_of(bound, half));
  }
  // (threads, slots), where queries were, which no thread reads any more
  uint64_t *lists = reinterpret_cast<uint64_t *>(shared_memory());
  block_barrier();
#pragma unroll
  for (int s = 0; s < kSlots; s++) lists[thread_of_block() * kSlots + s] = best.words[s];
  block_barrier();
  if (thread_of_block() >= args.query_rows) return;
  Slots merged;
  merged.clear();
  for (int i = thread_of_block(); i < kThreads; i += 16) {
    for (int s = 0; s < kSlots; s++) merged.add(lists[i * kSlots + s]);
  }
  uint64_t *to = args.peaks + ((kv_head * args.query_rows + thread_of_block()) * args.shares + block_x()) * kSlots;
#pragma unroll
  for (int s = 0; s < kSlots; s++) to[s] = merged.words[s];
}

CARD_KERNEL(sketch_bounds_4, SketchedArgs) { sketch_bounds<4>(args); }
CARD_KERNEL(sketch_bounds_8, SketchedArgs) { sketch_bounds<8>(args); }
CARD_KERNEL(sketch_bounds_16, SketchedArgs) { sketch_bounds<16>(args); }

// One block for each key head. Half pages that several rows want are named once: a key that is scored twice would
// count twice.
CARD_KERNEL(sketch_peaks, SketchedArgs) {
  const int64_t kv_head = block_x(), most = args.query_rows * args.peaks_of_row;
  const int thread = thread_of_block(), lane = thread % kWarp;
  uint64_t *found = reinterpret_cast<uint64_t *>(shared_memory());   // (rows, peaks)
  uint32_t *fresh = reinterpret_cast<uint32_t *>(found + kThreads); // (rows, peaks)
  for (int64_t row = thread / kWarp; row < args.query_rows; row += kThreads / kWarp) {
    const uint64_t *words = args.peaks + (kv_head * args.query_rows + row) * args.shares * kSlots;
    // a few at a time, best first
    uint64_t bar = ~uint64_t{0};
    for (int64_t first = 0; first < args.peaks_of_row; first += kSlots) {
      Slots best;
      best.clear();
      for (int64_t i = lane; i < args.shares * kSlots; i += kWarp) best.add(words[i] < bar ? words[i] : kNoWord);
      for (int mask = 1; mask < kWarp; mask *= 2) {
        uint64_t others[kSlots];
#pragma unroll
        for (int s = 0; s < kSlots; s++) others[s] = from_lane(best.words[s], mask);
#pragma unroll
        for (int s = 0; s < kSlots; s++) best.add(others[s]);
      }
#pragma unroll
      for (int s = 0; s < kSlots; s++) {
        if (lane == 0) found[row * args.peaks_of_row + first + s] = best.words[s];
      }
      bar = best.words[kSlots - 1];
    }
  }
  block_barrier();
  const uint64_t word = thread < most ? found[thread] : kNoWord;
  const int64_t half = place_of(word);
  if (thread < most) {
    bool named = word == kNoWord;
    for (int i = 0; i < thread; i++) named = named || (found[i] != kNoWord && place_of(found[i]) == half);
    fresh[thread] = named ? 0 : 1;
  }
  block_barrier();
  if (thread >= most) return;
  uint32_t before = 0;
  for (int i = 0; i < thread; i++) before += fresh[i];
  if (thread == most - 1) args.peak_counts[kv_head] = before + fresh[thread];
  if (fresh[thread] == 0) return;
  args.peak_halves[kv_head * most + before] = static_cast<uint32_t>(half);
  *bounds_of_half(args, kv_head, half) = NAN;
  const int64_t keys = candidates_of_half(args.runs[half / 2], half, args.count);
  atomic_add(args.keys + kv_head, static_cast<uint32_t>(keys));
}

// One thread for each half page; (half pages, key head).
CARD_KERNEL(sketch_open, SketchedArgs) {
  const int64_t kv_head = block_y(), half = element_of_grid();
  float *thresholds = reinterpret_cast<float *>(shared_memory());
  if (thread_of_block() < args.query_rows) {
    const QueryTile queries = asking(args, 0, kv_head);
    const int row = thread_of_block();
    const int64_t answer = queries.head_of(row) * args.query_count + queries.token(row);
    Slots merged;
    merged.clear();
    const uint64_t *words = args.best + answer * args.lists * kSlots;
    for (int64_t i = 0; i < args.peak_lists * kSlots; i++) merged.add(words[i]);
    uint64_t last = kNoWord;
#pragma unroll
    for (int s = 0; s < kSlots; s++) last = s < args.k ? merged.words[s] : last;
    // no number, which nothing is below, where there are fewer
    thresholds[row] = score_of(last);
  }
  block_barrier();
  if (half >= halves_of(args)) return;
  const float *bounds = bounds_of_half(args, kv_head, half);
  if (bounds[0] != bounds[0]) return;
  bool open = false;
  // an equal score of an earlier row is better
  for (int64_t row = 0; row < args.query_rows; row++) open = open || !(bounds[row] < thresholds[row]);
  if (!open) return;
  const uint32_t at = atomic_add(args.open_counts + kv_head, 1);
  args.open_halves[kv_head * halves_of(args) + at] = static_cast<uint32_t>(half);
  const int64_t keys = candidates_of_half(args.runs[half / 2], half, args.count);
  atomic_add(args.keys + kv_head, static_cast<uint32_t>(keys));
}

}  // namespace longform::card
