// top_keys<DIM> of top_keys.inl by tensor cores, for keys of float16 or bytes and heads of up to 128 dimensions. Rows
// are queries times the heads that share keys. With many rows each warp of a block has 16 of its own, and all read the
// same keys; with few rows all warps have the same 16, and each a quarter of the keys of a tile.
//
// A warp's rows stay in its registers: sums of two float16 numbers, times a power of two of the row. Keys of float16
// are one such number, and so are bytes, whose scales are multiplied with the sums of their 32 dimensions.
//
// A score that is no finite number is made again as ordinary units would have made it: infinity times a small piece of
// a query would spoil what infinity times the query is.

namespace longform::card {

// --- rows of queries ---

// The 16 rows of a warp, as its lanes have them (mma.h).
template <int DIM>
struct WarpQueries {
  uint32_t pieces[2][DIM / 16][4];
  float scales[2]; // of the lane's two rows

  CARD void load(const TopKeysArgs &args, const QueryTile &tile, int first_row) {
    const int64_t head_dim = args.layout.head_dim;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int row = first_row + thread_of_block() % kWarp / 4 + 8 * i;
      const float *query = row < tile.count() ? tile.query(args.queries, args.heads, head_dim, row) : nullptr;
      // number n of the eight words of 16 dimensions that the lane has two of
      const auto number = [&](int step, int word, int n) {
        const int64_t d = 16 * step + 8 * word + thread_of_block() % 4 * 2 + n;
        return query != nullptr && d < head_dim ? query[d] : 0.f;
      };
      float largest = 0, spoil = 0;
#pragma unroll
      for (int n = 0; n < DIM / 4; n++) {
        const float x = number(n / 4, n / 2 % 2, n % 2);
        largest = fmaxf(largest, fabsf(x));
        // NaN and infinity times zero are NaN
        spoil += x * 0.f;
      }
      for (int mask = 1; mask < 4; mask *= 2) {
        largest = fmaxf(largest, from_lane(largest, mask));
        spoil += from_lane(spoil, mask);
      }
      const HalfScale scale = half_scale(largest);
      scales[i] = spoil == 0 ? scale.back : spoil;
#pragma unroll
      for (int n = 0; n < DIM / 8; n++) {
        const TwoHalves low = two_halves(spoil == 0 ? number(n / 2, n % 2, 0) * scale.to : 0, 1);
        const TwoHalves high = two_halves(spoil == 0 ? number(n / 2, n % 2, 1) * scale.to : 0, 1);
        pieces[0][n / 2][n % 2 * 2 + i] = low.first | static_cast<uint32_t>(high.first) << 16;
        pieces[1][n / 2][n % 2 * 2 + i] = low.second | static_cast<uint32_t>(high.second) << 16;
      }
    }
  }
};

// Products of a warp's rows with COLUMNS times eight keys of a tile.
template <int DIM, typename Keys, int COLUMNS>
CARD void multiply_with_keys(const WarpQueries<DIM> &rows, const KeyTurn<DIM> &turn, int first_key, int head_dim,
                             float (&sums)[COLUMNS][4]) {
  constexpr int kPitch = KeyTurn<DIM>::kPitch;
#pragma unroll
  for (int block = 0; block < DIM / 32; block++) {
    if (32 * block >= head_dim) break;
    uint32_t keys[COLUMNS][2][2];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
#pragma unroll
      for (int step = 0; step < 2; step++) {
        const uint32_t *from = turn.keys + (first_key + 8 * j) * kPitch + 16 * block + 8 * step;
        load_columns_of_warp(from, kPitch, keys[j][step]);
      }
    }
    // cores cut where they add: sums of theirs are short, the smaller pieces first, and added to nearest
    float part[COLUMNS][4] = {};
#pragma unroll
    for (int piece = 1; piece >= 0; piece--) {
#pragma unroll
      for (int step = 0; step < 2; step++) {
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) multiply_f16(part[j], rows.pieces[piece][2 * block + step], keys[j][step]);
      }
    }
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const int key = first_key + 8 * j + thread_of_block() % 4 * 2 + n % 2;
        sums[j][n] = Keys::with(sums[j][n], part[j][n], turn, block, key);
      }
    }
  }
}

// --- the best ones ---

// The best words of a row that a thread has seen.
template <typename Candidates>
struct KeptRow {
  Slots best;
  float worst; // the score of the last of them; NaN as long as there are fewer

  CARD void clear() {
    best.clear();
    worst = score_of(kNoWord);
  }

  // Among equal scores the later key is behind; what is no number is looked at.
  CARD bool may_have(float score) const { return Candidates::kInOrder ? !(score <= worst) : !(score < worst); }

  CARD void add(uint64_t word) {
    best.add(word);
    worst = score_of(best.words[kSlots - 1]);
  }
};

template <typename Keys, typename Candidates>
CARD float score_alone(const TopKeysArgs &args, const Candidates &candidates, const QueryTile &queries, int row,
                       int64_t item) {
  const int64_t head_dim = args.layout.head_dim;
  const float *query = queries.query(args.queries, args.heads, head_dim, row);
  const char *key = candidates.key(item) + block_y() * args.layout.head_stride;
  float sum = 0;
#pragma unroll 1
  for (int64_t d = 0; d < head_dim; d++) sum = fmaf(query[d], kv_element(Keys::kDtype, head_dim, key, d), sum);
  return sum * candidates.norm(item);
}

// Where a warp's rows and keys are.
template <int ROW_WARPS>
struct CoreSearch {
  static constexpr int kRows = 16 * ROW_WARPS, kKeyWarps = kThreads / kWarp / ROW_WARPS, kKeys = kCoreKeys / kKeyWarps;

  int first_row, key_warp, lane_row, lane_two;

  static CARD CoreSearch of_warp() {
    const int warp = thread_of_block() / kWarp;
    return {warp % ROW_WARPS * 16, warp / ROW_WARPS, thread_of_block() % kWarp / 4, thread_of_block() % 4 * 2};
  }
  CARD int row(int n) const { return first_row + lane_row + n / 2 * 8; }
};

// Scores of a warp's rows with its keys of a tile, to those that are kept.
template <int DIM, typename Keys, int ROW_WARPS, typename Candidates>
CARD void search_tile(const TopKeysArgs &args, const Candidates &candidates, const CoreSearch<ROW_WARPS> &at,
                      const QueryTile &queries, const WarpQueries<DIM> &rows, int tile,
                      KeptRow<Candidates> (&kept)[2]) {
  constexpr int kColumns = 2; // times eight keys at once
  const KeyTurn<DIM> turn = KeyTurn<DIM>::of_tile(tile);
#pragma unroll 1
  for (int k = 0; k < at.kKeys; k += 8 * kColumns) {
    // the lanes may have gone different ways with the keys before
    warp_barrier();
    const int first_key = at.key_warp * at.kKeys + k;
    const int64_t first = static_cast<int64_t>(tile) * kCoreKeys + first_key + at.lane_two;
    float sums[kColumns][4] = {};
    multiply_with_keys<DIM, Keys>(rows, turn, first_key, static_cast<int>(args.layout.head_dim), sums);
    uint32_t odd = 0;
#pragma unroll
    for (int j = 0; j < kColumns; j++) {
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const float norm = turn.norms[first_key + at.lane_two + 8 * j + n % 2];
        const float score = sums[j][n] * rows.scales[n / 2] * norm;
        if (!kept[n / 2].may_have(score)) continue;
        if (fabsf(score) < INFINITY) {
          kept[n / 2].add(word_of(score, candidates.place(first + 8 * j + n % 2)));
        } else {
          odd |= 1u << (4 * j + n);
        }
      }
    }
    // seldom, and later than it was its turn: words know where they are among equal scores
    for (int i = 0; odd != 0; i++, odd >>= 1) {
      const int row = at.row(i % 4);
      const int64_t item = first + i / 4 * 8 + i % 2;
      if ((odd & 1) == 0 || row >= queries.count() || candidates.key(item) == nullptr) continue;
      const float score = score_alone<Keys>(args, candidates, queries, row, item);
      const uint64_t word = word_of(score, candidates.place(item));
      // an index that is known while compiling keeps the words in registers
      if (i % 4 < 2) {
        kept[0].add(word);
      } else {
        kept[1].add(word);
      }
    }
  }
}

// What the lanes of a quad, and warps with other keys, have kept becomes one list for each row.
template <int ROW_WARPS, typename Candidates>
CARD void write_kept(const TopKeysArgs &args, const CoreSearch<ROW_WARPS> &at, const QueryTile &queries,
                     KeptRow<Candidates> (&kept)[2]) {
  // (rows, key warps, slots), where keys were, which no thread reads any more
  uint64_t *lists = reinterpret_cast<uint64_t *>(shared_memory());
#pragma unroll
  for (int i = 0; i < 2; i++) {
    Slots &best = kept[i].best;
    for (int mask = 1; mask < 4; mask *= 2) {
      uint64_t others[kSlots];
#pragma unroll
      for (int s = 0; s < kSlots; s++) others[s] = from_lane(best.words[s], mask);
#pragma unroll
      for (int s = 0; s < kSlots; s++) best.add(others[s]);
    }
    if (at.lane_two != 0) continue;
#pragma unroll
    for (int s = 0; s < kSlots; s++) lists[(at.row(2 * i) * at.kKeyWarps + at.key_warp) * kSlots + s] = best.words[s];
  }
  block_barrier();
  const int row = thread_of_block();
  if (row >= at.kRows || row >= queries.count()) return;
  Slots merged;
  merged.clear();
  for (int i = 0; i < at.kKeyWarps * kSlots; i++) merged.add(lists[row * at.kKeyWarps * kSlots + i]);
  write_best(args, queries, row, merged);
}

// Blocks: (rows of queries, key head, share of the keys). ROW_WARPS of the four warps have rows of their own.
template <int DIM, template <int> class KeysOf, int ROW_WARPS, typename Candidates>
CARD void top_keys_by_cores(const TopKeysArgs &args) {
  const auto at = CoreSearch<ROW_WARPS>::of_warp();
  const QueryTile queries = asking(args, block_x() * at.kRows, block_y());
  const auto share = KeyShare<Candidates>::of_block(args);
  WarpQueries<DIM> rows;
  rows.load(args, queries, at.first_row);
  KeptRow<Candidates> kept[2];
  kept[0].clear();
  kept[1].clear();

  KeysOf<DIM> next;
  KeyTurn<DIM>::of_tile(share.begin).put_place(share.place(args, share.begin));
  KeyTurn<DIM>::of_tile(share.begin + 1).put_place(share.place(args, share.begin + 1));
  block_barrier();
  next.fetch(KeyTurn<DIM>::of_tile(share.begin), args.layout.head_dim);
  next.put(KeyTurn<DIM>::of_tile(share.begin));
  KeyTurn<DIM>::of_tile(share.begin).put_norm(share.norm(share.begin));
  for (int tile = share.begin; tile < share.end; tile++) {
    const KeyTurn<DIM> turn = KeyTurn<DIM>::of_tile(tile), other = KeyTurn<DIM>::of_tile(tile + 1);
    block_barrier();
    next.fetch(other, args.layout.head_dim);
    const float norm = share.norm(tile + 1);
    const char *place_after = share.place(args, tile + 2);
    if (at.first_row < queries.count()) {
      search_tile<DIM, KeysOf<DIM>>(args, share.candidates, at, queries, rows, tile, kept);
    }
    // whoever still reads the other turn has not passed this barrier
    next.put(other);
    other.put_norm(norm);
    turn.put_place(place_after);
  }
  block_barrier();
  write_kept(args, at, queries, kept);
}

#define LONGFORM_KERNEL(name, DIM, BLOCKS, Keys, row_warps, Candidates) \
  CARD_KERNEL_BESIDE(name##_##DIM, TopKeysArgs, BLOCKS) { top_keys_by_cores<DIM, Keys, row_warps, Candidates>(args); }

#define LONGFORM_HEADS(DIM, BLOCKS)                                                              \
  LONGFORM_KERNEL(top_keys_cores_few_f16, DIM, BLOCKS, HalfKeys, 1, AllRows)                     \
  LONGFORM_KERNEL(top_keys_cores_few_q8, DIM, BLOCKS, ByteKeys, 1, AllRows)                      \
  LONGFORM_KERNEL(top_keys_cores_halves_f16, DIM, BLOCKS, HalfKeys, 1, ListedHalves)             \
  LONGFORM_KERNEL(top_keys_cores_halves_q8, DIM, BLOCKS, ByteKeys, 1, ListedHalves)              \
  LONGFORM_KERNEL(top_keys_cores_many_f16, DIM, BLOCKS, HalfKeys, 4, AllRows)                    \
  LONGFORM_KERNEL(top_keys_cores_many_q8, DIM, BLOCKS, ByteKeys, 4, AllRows)

// without a bound some have more registers than they need, and one block less has room
LONGFORM_HEADS(64, 4)
LONGFORM_HEADS(128, 3)

#undef LONGFORM_HEADS
#undef LONGFORM_KERNEL

}  // namespace longform::card
