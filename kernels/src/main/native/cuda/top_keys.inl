// The k best keys of each query and head, exactly. A score and its key's place are one word whose order is
// that of the answer: by score, among equal ones the earlier row first.
//
// top_keys reads each tile of keys once for all heads that share it; each thread keeps the best few of its
// scores in registers, one comparison for a score that is not among them. top_keys_cores.inl does the same with
// tensor cores. whole_scores and top_keys_sort serve what both cannot: many answers, and blocks of rows.
// sketched_keys.inl tells them which keys need not be read.

namespace longform::card {

// Below every score.
constexpr uint64_t kNoWord = 0;

CARD uint64_t word_of(float score, int64_t place) {
  // what is no number counts as -inf; zero has one sign
  const float sound = score != score ? kNothing : score + 0.f;
  const uint32_t bits = float_to_bits(sound);
  const uint32_t order = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return static_cast<uint64_t>(order) << 32 | (0xffffffffu - static_cast<uint32_t>(place));
}

CARD float score_of(uint64_t word) {
  const uint32_t order = static_cast<uint32_t>(word >> 32);
  return bits_to_float((order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order);
}
CARD int64_t place_of(uint64_t word) { return 0xffffffffu - static_cast<uint32_t>(word); }

// The best words so far, best first.
struct Slots {
  uint64_t words[kSlots];

  CARD void clear() {
#pragma unroll
    for (int i = 0; i < kSlots; i++) words[i] = kNoWord;
  }

  CARD void add(uint64_t word) {
    if (word <= words[kSlots - 1]) return;
    words[kSlots - 1] = word;
#pragma unroll
    for (int i = kSlots - 1; i > 0; i--) {
      if (words[i] > words[i - 1]) {
        const uint64_t better = words[i];
        words[i] = words[i - 1];
        words[i - 1] = better;
      }
    }
  }
};

// (key head, candidate)
CARD_KERNEL(value_norms, NormArgs) {
  const int64_t i = element_of_grid(), kv_head = block_y();
  if (i >= args.count) return;
  const char *value = args.rows[i].key + kv_head * args.layout.head_stride + args.layout.value_stride;
  float sum = 0;
  for (int64_t d = 0; d < args.layout.head_dim; d++) {
    const float v = kv_element(args.layout.dtype, args.layout.head_dim, value, d);
    sum = args.squares != 0 ? fmaf(v, v, sum) : sum + fabsf(v);
  }
  args.norms[kv_head * args.count + i] = args.squares != 0 ? sqrtf(sum) : sum;
}

// Candidates as the kernels go through them, by number of an item; those of a tile of 32 follow each other. All there are,
// or some that follow each other.
struct AllRows {
  static constexpr bool kInOrder = true;

  const TopKeysArgs &args;

  CARD int64_t items() const { return args.items; }
  // The candidate that an item is.
  CARD int64_t place(int64_t item) const { return args.first + item; }
  // Its key for the first head, NULL beyond the last.
  CARD const char *key(int64_t item) const { return item < args.items ? args.rows[item].key : nullptr; }
  // What its scores are multiplied with, no number beyond the last.
  CARD float norm(int64_t item) const {
    if (item >= args.items) return NAN;
    return args.norms == nullptr ? 1 : args.norms[block_y() * args.count + place(item)];
  }
  // The keys of a tile into shared memory; answers how many there are.
  CARD int64_t load_tile(int64_t from, ListRow *rows) const { return load_rows(args.rows, from, args.items, rows); }
};

// What of a run's half there is to be scored: rows from its first one on. None may be left.
CARD int64_t candidates_of_half(const kernels_run &run, int64_t half, int64_t count) {
  const int64_t row = half % 2 * kHalfRows;
  const int64_t rows = least(run.count - row, count - run.index - row);
  return rows < kHalfRows ? rows : kHalfRows;
}

// Those of a list of half pages, each an item for every row it might have.
struct ListedHalves {
  static constexpr bool kInOrder = false;

  const TopKeysArgs &args;

  CARD int64_t items() const { return static_cast<int64_t>(args.halves.counts[block_y()]) * kHalfRows; }
  CARD int64_t half(int64_t item) const { return args.halves.numbers[block_y() * args.halves.most + item / kHalfRows]; }
  CARD int64_t place(int64_t item) const {
    const int64_t number = half(item);
    return args.halves.runs[number / 2].index + number % 2 * kHalfRows + item % kHalfRows;
  }
  CARD const char *key(int64_t item) const {
    if (item >= items()) return nullptr;
    const int64_t number = half(item);
    const kernels_run run = args.halves.runs[number / 2];
    if (item % kHalfRows >= candidates_of_half(run, number, args.count)) return nullptr;
    return run.key + (number % 2 * kHalfRows + item % kHalfRows) * args.layout.row_bytes;
  }
  CARD float norm(int64_t item) const { return key(item) == nullptr ? NAN : 1.f; }
  CARD int64_t load_tile(int64_t from, ListRow *rows) const {
    const int64_t number = half(from);
    const kernels_run run = args.halves.runs[number / 2];
    const int64_t rows_of_it = candidates_of_half(run, number, args.count), row = thread_of_block();
    if (row < rows_of_it) {
      rows[row] = {run.key + (number % 2 * kHalfRows + row) * args.layout.row_bytes, run.row, 0};
    }
    return rows_of_it;
  }
};

template <typename Args>
CARD QueryTile asking(const Args &args, int64_t first_row, int64_t kv_head) {
  const int64_t sharers = args.heads / args.layout.kv_heads;
  return {first_row, sharers, args.modulo != 0 ? kv_head : kv_head * sharers,
          args.modulo != 0 ? args.layout.kv_heads : 1, args.query_count};
}

// Writes the best words of a row of queries in this block's share of the keys.
CARD void write_best(const TopKeysArgs &args, const QueryTile &queries, int row, const Slots &best) {
  const int64_t answer = queries.head_of(row) * args.query_count + queries.token(row);
#pragma unroll
  for (int s = 0; s < kSlots; s++) {
    args.best[(answer * args.lists + args.first_list + block_z()) * kSlots + s] = best.words[s];
  }
}

// Words of this thread's queries and keys, tile after tile of this block's share of the keys; take(row i of two,
// place, word) is called for each.
template <int DIM, typename Candidates, typename Take>
CARD void each_score(const TopKeysArgs &args, const QueryTile &queries, int64_t kv_head, const Tiles<DIM> &tiles,
                     Take take) {
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  const Candidates candidates = {args};
  const int64_t all = (candidates.items() + kTileKeys - 1) / kTileKeys;
  const int64_t begin = all * block_z() / args.splits, end = all * (block_z() + 1) / args.splits;
  load_queries<DIM>(queries, args.queries, args.heads, args.layout.head_dim, tiles.queries);
  for (int64_t tile = begin; tile < end; tile++) {
    const int64_t from = tile * kTileKeys;
    const int64_t count = candidates.load_tile(from, tiles.rows), first = candidates.place(from);
    block_barrier();
    load_plain<DIM>(tiles.rows, count, args.layout, kv_head * args.layout.head_stride, tiles.keys);
    block_barrier();
    if (!warp_has_none(queries)) {
      float sums[2][4];
      multiply<DIM>(tiles.queries, tiles.keys, sums);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (x + 8 * j < count) {
          const float norm = candidates.norm(from + x + 8 * j);
#pragma unroll
          for (int i = 0; i < 2; i++) {
            const int64_t place = first + x + 8 * j;
            if (2 * y + i < queries.count()) take(i, place, word_of(sums[i][j] * norm, place));
          }
        }
      }
    }
    block_barrier();
  }
}

// Blocks: (query tile, key head, share of the keys).
template <int DIM, typename Candidates>
CARD void top_keys(const TopKeysArgs &args) {
  const Tiles<DIM> tiles = Tiles<DIM>::of_block();
  const int64_t kv_head = block_y();
  const QueryTile queries = asking(args, block_x() * kTileQueries, kv_head);
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  Slots best[2];
  best[0].clear();
  best[1].clear();
  each_score<DIM, Candidates>(args, queries, kv_head, tiles, [&](int i, int64_t, uint64_t word) {
    // an index that is known while compiling keeps the words in registers
    if (i == 0) {
      best[0].add(word);
    } else {
      best[1].add(word);
    }
  });
  // a share may have no tile, and no barrier then
  block_barrier();
  // (32, 8, slots): fits where queries and keys were, which no thread reads any more
  uint64_t *lists = reinterpret_cast<uint64_t *>(tiles.queries);
#pragma unroll
  for (int i = 0; i < 2; i++) {
#pragma unroll
    for (int s = 0; s < kSlots; s++) lists[((2 * y + i) * 8 + x) * kSlots + s] = best[i].words[s];
  }
  block_barrier();
  const int row = thread_of_block();
  if (row >= kTileQueries || row >= queries.count()) return;
  Slots merged;
  merged.clear();
  for (int i = 0; i < 8 * kSlots; i++) merged.add(lists[row * 8 * kSlots + i]);
  write_best(args, queries, row, merged);
}

// One thread for each answer.
CARD_KERNEL(top_keys_merge, BestArgs) {
  const int64_t i = element_of_grid();
  if (i >= args.count) return;
  Slots merged;
  merged.clear();
  for (int64_t s = 0; s < args.splits * kSlots; s++) merged.add(args.lists[i * args.splits * kSlots + s]);
#pragma unroll
  for (int s = 0; s < kSlots; s++) {
    if (s < args.k) {
      args.rows[i * args.k + s] = args.from + place_of(merged.words[s]);
      args.scores[i * args.k + s] = score_of(merged.words[s]);
    }
  }
}

// Blocks: (query tile from first_tile on, key head from first_unit on, share of the keys); every word is written.
template <int DIM>
CARD void whole_scores(const TopKeysArgs &args) {
  const Tiles<DIM> tiles = Tiles<DIM>::of_block();
  const int y = thread_of_block() / 8;
  const int64_t unit = args.first_unit + block_y();
  const QueryTile queries = asking(args, (args.first_tile + block_x()) * kTileQueries, unit);
  uint64_t *words = args.best + ((block_y() * blocks_x() + block_x()) * kTileQueries + 2 * y) * args.columns;
  each_score<DIM, AllRows>(args, queries, unit, tiles,
                           [&](int i, int64_t place, uint64_t word) { words[i * args.columns + place] = word; });
}

// One block for each row of words.
CARD_KERNEL(top_keys_sort, SortArgs) {
  const int64_t answer = args.answers[block_x()];
  if (answer < 0) return;
  uint64_t *words = args.words + block_x() * args.columns;
  const int64_t count = (args.count + args.block_rows - 1) / args.block_rows;
  if (args.block_rows > 1) {
    // a round writes where no later one reads
    for (int64_t first = 0; first < count; first += kThreads) {
      const int64_t block = first + thread_of_block();
      uint64_t best = kNoWord;
      for (int64_t i = block * args.block_rows; i < least(args.count, (block + 1) * args.block_rows); i++) {
        best = words[i] > best ? words[i] : best;
      }
      block_barrier();
      if (block < count) words[block] = best;
      block_barrier();
    }
  }
  int64_t size = 1;
  while (size < count) size *= 2;
  for (int64_t i = count + thread_of_block(); i < size; i += kThreads) words[i] = kNoWord;
  block_barrier();
  // a bitonic network, best first
  for (int64_t length = 2; length <= size; length *= 2) {
    for (int64_t stride = length / 2; stride > 0; stride /= 2) {
      for (int64_t i = thread_of_block(); i < size / 2; i += kThreads) {
        const int64_t a = i / stride * 2 * stride + i % stride, b = a + stride;
        const uint64_t first = words[a], second = words[b];
        if ((a & length) == 0 ? first < second : first > second) {
          words[a] = second;
          words[b] = first;
        }
      }
      block_barrier();
    }
  }
  for (int64_t i = thread_of_block(); i < args.k; i += kThreads) {
    args.rows[answer * args.k + i] = args.from + place_of(words[i]);
    args.scores[answer * args.k + i] = score_of(words[i]);
  }
}

#define LONGFORM_HEADS(DIM)                                                                \
  CARD_KERNEL(top_keys_##DIM, TopKeysArgs) { top_keys<DIM, AllRows>(args); }               \
  CARD_KERNEL(top_keys_halves_##DIM, TopKeysArgs) { top_keys<DIM, ListedHalves>(args); }   \
  CARD_KERNEL(whole_scores_##DIM, TopKeysArgs) { whole_scores<DIM>(args); }

LONGFORM_HEADS(32)
LONGFORM_HEADS(64)
LONGFORM_HEADS(96)
LONGFORM_HEADS(128)
LONGFORM_HEADS(256)

#undef LONGFORM_HEADS

}  // namespace longform::card
