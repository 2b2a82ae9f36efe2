// The k best keys of each query and head, exactly. A score and its key's place are one word whose order is
// that of the answer: by score, among equal ones the earlier row first.
//
// top_keys reads each tile of keys once for all heads that share it; each thread keeps the best few of its
// scores in registers, one comparison for a score that is not among them. top_keys_cores.inl does the same with
// tensor cores. whole_scores and top_keys_sort serve what both cannot: many answers, and blocks of rows.

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

CARD QueryTile asking(const TopKeysArgs &args, int64_t first_row, int64_t kv_head) {
  const int64_t sharers = args.heads / args.layout.kv_heads;
  return {first_row, sharers, args.modulo != 0 ? kv_head : kv_head * sharers,
          args.modulo != 0 ? args.layout.kv_heads : 1, args.query_count};
}

// Writes the best words of a row of queries in this block's share of the keys.
CARD void write_best(const TopKeysArgs &args, const QueryTile &queries, int row, const Slots &best) {
  const int64_t answer = queries.head_of(row) * args.query_count + queries.token(row);
#pragma unroll
  for (int s = 0; s < kSlots; s++) args.best[(answer * args.splits + block_z()) * kSlots + s] = best.words[s];
}

// Words of this thread's queries and keys, tile after tile of this block's share of the keys; take(row i of two,
// place, word) is called for each.
template <int DIM, typename Take>
CARD void each_score(const TopKeysArgs &args, const QueryTile &queries, int64_t kv_head, const Tiles<DIM> &tiles,
                     Take take) {
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  const int64_t all = (args.count + kTileKeys - 1) / kTileKeys;
  const int64_t begin = all * block_z() / args.splits, end = all * (block_z() + 1) / args.splits;
  load_queries<DIM>(queries, args.queries, args.heads, args.layout.head_dim, tiles.queries);
  for (int64_t tile = begin; tile < end; tile++) {
    const int64_t from = tile * kTileKeys;
    const int64_t count = load_rows(args.rows, from, args.count, tiles.rows);
    block_barrier();
    load_plain<DIM>(tiles.rows, count, args.layout, kv_head * args.layout.head_stride, tiles.keys);
    block_barrier();
    if (!warp_has_none(queries)) {
      float sums[2][4];
      multiply<DIM>(tiles.queries, tiles.keys, sums);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const int64_t place = from + x + 8 * j;
        if (place < args.count) {
          const float norm = args.norms == nullptr ? 1 : args.norms[kv_head * args.count + place];
#pragma unroll
          for (int i = 0; i < 2; i++) {
            if (2 * y + i < queries.count()) take(i, place, word_of(sums[i][j] * norm, place));
          }
        }
      }
    }
    block_barrier();
  }
}

// Blocks: (query tile, key head, share of the keys).
template <int DIM>
CARD void top_keys(const TopKeysArgs &args) {
  const Tiles<DIM> tiles = Tiles<DIM>::of_block();
  const int64_t kv_head = block_y();
  const QueryTile queries = asking(args, block_x() * kTileQueries, kv_head);
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  Slots best[2];
  best[0].clear();
  best[1].clear();
  each_score<DIM>(args, queries, kv_head, tiles, [&](int i, int64_t, uint64_t word) {
    // an index that is known while compiling keeps the words in registers
    if (i == 0) {
      best[0].add(word);
    } else {
      best[1].add(word);
    }
  });
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

// Blocks: (query tile from first_tile on, key head, share of the keys); every word is written.
template <int DIM>
CARD void whole_scores(const TopKeysArgs &args) {
  const Tiles<DIM> tiles = Tiles<DIM>::of_block();
  const int y = thread_of_block() / 8;
  const QueryTile queries = asking(args, (args.first_tile + block_x()) * kTileQueries, block_y());
  uint64_t *words = args.best + ((block_y() * blocks_x() + block_x()) * kTileQueries + 2 * y) * args.columns;
  each_score<DIM>(args, queries, block_y(), tiles,
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

#define LONGFORM_HEADS(DIM)                                                \
  CARD_KERNEL(top_keys_##DIM, TopKeysArgs) { top_keys<DIM>(args); }        \
  CARD_KERNEL(whole_scores_##DIM, TopKeysArgs) { whole_scores<DIM>(args); }

LONGFORM_HEADS(32)
LONGFORM_HEADS(64)
LONGFORM_HEADS(96)
LONGFORM_HEADS(128)
LONGFORM_HEADS(256)

#undef LONGFORM_HEADS

}  // namespace longform::card
