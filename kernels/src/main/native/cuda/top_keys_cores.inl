// top_keys<DIM> of top_keys.inl by tensor cores, for keys of float16 or bytes and heads of up to 128 dimensions. Rows
// are queries times the heads that share keys. With many rows each warp of a block has 32 of its own, and all read the
// same keys; with few rows all warps have the same 16, and each a quarter of the keys of a tile.
//
// Rows are sums of two float16 numbers, times a power of two of the row; a warp has the first ones in its registers.
// Keys of float16 are one such number, and so are bytes, whose scales are multiplied with the sums of their 32
// dimensions.
//
// Keys are multiplied with the first of the two numbers, and with the second only where that may bring one among the
// best: it adds no more than the sum of a row's second numbers, without their signs, times the largest of the tile's
// keys. So most keys cost one product, and answers are those of two for all.
//
// A score that is no finite number is made again as ordinary units would have made it: infinity times a small piece of
// a query would spoil what infinity times the query is.

namespace longform::card {

// --- rows of queries ---

// Which rows and keys a block's warps have.
struct FewRows {
  static constexpr int kRowWarps = 1, kTiles = kFewCoreTiles;
};
struct ManyRows {
  static constexpr int kRowWarps = kThreads / kWarp, kTiles = kManyCoreTiles;
};

// One of the two float16 numbers of 16 rows, as lanes have them (mma.h).
template <int DIM>
struct Pieces {
  uint32_t words[DIM / 16][4];
};

// The rows of a warp, TILES times 16.
template <int DIM, int TILES>
struct WarpQueries {
  static constexpr int kRows = 2 * TILES; // of a lane, eight apart

  Pieces<DIM> first[TILES];
  float scales[kRows];
  float slack[kRows]; // what the second pieces add to a score at most, for each 1 that a key's numbers have
  bool asked[kRows];  // whether there is such a row

  CARD void load(const TopKeysArgs &args, const QueryTile &tile, int first_row) {
    const int64_t head_dim = args.layout.head_dim;
#pragma unroll
    for (int i = 0; i < kRows; i++) {
      const int row = first_row + thread_of_block() % kWarp / 4 + 8 * i;
      asked[i] = row < tile.count();
      const float *query = asked[i] ? tile.query(args.queries, args.heads, head_dim, row) : nullptr;
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
      float left = 0, all = 0;
#pragma unroll
      for (int n = 0; n < DIM / 8; n++) {
        uint32_t words[2] = {};
#pragma unroll
        for (int h = 0; h < 2; h++) {
          const float x = spoil == 0 ? number(n / 2, n % 2, h) * scale.to : 0;
          const TwoHalves halves = two_halves(x, 1);
          words[0] |= static_cast<uint32_t>(halves.first) << 16 * h;
          words[1] |= static_cast<uint32_t>(halves.second) << 16 * h;
          left += fabsf(half_to_float(halves.second));
          all += fabsf(x);
        }
        first[i / 2].words[n / 2][n % 2 * 2 + i % 2] = words[0];
        *second_word(i / 2, 2 * n + i % 2) = words[1];
      }
      for (int mask = 1; mask < 4; mask *= 2) {
        left += from_lane(left, mask);
        all += from_lane(all, mask);
      }
      slack[i] = most_of(left, all) * scales[i];
      // a bound that is subnormal would be no bound
      if (largest > 0 && scale.back < kLeastScale) slack[i] = NAN;
    }
  }

  CARD Pieces<DIM> second(int tile) const {
    Pieces<DIM> pieces;
#pragma unroll
    for (int n = 0; n < DIM / 4; n++) pieces.words[n / 4][n % 4] = *second_word(tile, n);
    return pieces;
  }

  // The second pieces lie behind the keys, each thread's where no other one looks.
  static CARD uint32_t *second_word(int tile, int n) {
    uint32_t *words = reinterpret_cast<uint32_t *>(shared_memory() + kKeyTurnBytes<DIM>);
    return words + (tile * DIM / 4 + n) * kThreads + thread_of_block();
  }

  // Of products with keys whose numbers are at most 1: what they add if the second pieces and all numbers have such sums
  // without their signs. What rounding may add to that is much less than a 2^19th.
  static constexpr float kLost = 1.f / (1 << 19);
  static CARD float most_of(float second, float all) { return fmaf(all, kLost, second * (1 + 64 * kLost)); }
  static constexpr float kLeastScale = 0x1p-100f;
};

// Products of pieces of TILES times 16 rows with COLUMNS times eight keys of a tile.
template <typename Keys, int DIM, int TILES, int COLUMNS>
CARD void multiply_with_keys(const Pieces<DIM> (&pieces)[TILES], const KeyTurn<DIM> &turn, int first_key, int head_dim,
                             float (&sums)[TILES][COLUMNS][4]) {
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
#pragma unroll
    for (int t = 0; t < TILES; t++) {
      // cores cut where they add: sums of theirs are short, and added to nearest
      float part[COLUMNS][4] = {};
#pragma unroll
      for (int step = 0; step < 2; step++) {
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) multiply_f16(part[j], pieces[t].words[2 * block + step], keys[j][step]);
      }
#pragma unroll
      for (int j = 0; j < COLUMNS; j++) {
#pragma unroll
        for (int n = 0; n < 4; n++) {
          const int key = first_key + 8 * j + thread_of_block() % 4 * 2 + n % 2;
          sums[t][j][n] = Keys::with(sums[t][j][n], part[j][n], turn, block, key);
        }
      }
    }
  }
}

// --- the best ones ---

// The best words of a row that a thread has seen.
template <typename Candidates>
struct KeptRow {
  Slots best;
  float worst; // the score of the last of the best that the four threads of a row have; NaN as long as there are fewer

  // Of what is no row nothing is kept.
  CARD void clear(bool asked) {
    best.clear();
    worst = asked ? NAN : INFINITY;
  }

  // Among equal scores the later key is behind; what is no number is looked at.
  CARD bool may_have(float score) const { return Candidates::kInOrder ? !(score <= worst) : !(score < worst); }

  // The four threads together: each learns of the others' scores.
  CARD void share() {
    // the upper halves of words, in the order of scores, best first
    uint32_t ranks[kSlots];
#pragma unroll
    for (int s = 0; s < kSlots; s++) ranks[s] = static_cast<uint32_t>(best.words[s] >> 32);
    keep_best_of_two(ranks, 1);
    // a bitonic network: they rise and then fall, or fall and then rise
    descend(ranks[0], ranks[2]);
    descend(ranks[1], ranks[3]);
    descend(ranks[0], ranks[1]);
    descend(ranks[2], ranks[3]);
    keep_best_of_two(ranks, 2);
    uint32_t last = ranks[0];
#pragma unroll
    for (int s = 1; s < kSlots; s++) last = ranks[s] < last ? ranks[s] : last;
    if (last != 0) worst = score_of(static_cast<uint64_t>(last) << 32);
  }

private:
  // The best of this thread's and another's, both best first, in no order.
  static CARD void keep_best_of_two(uint32_t (&ranks)[kSlots], int mask) {
    uint32_t others[kSlots];
#pragma unroll
    for (int s = 0; s < kSlots; s++) others[s] = from_lane(ranks[s], mask);
#pragma unroll
    for (int s = 0; s < kSlots; s++) {
      const uint32_t other = others[kSlots - 1 - s];
      ranks[s] = ranks[s] > other ? ranks[s] : other;
    }
  }
  static CARD void descend(uint32_t &a, uint32_t &b) {
    const uint32_t more = a > b ? a : b;
    b = a > b ? b : a;
    a = more;
  }
};
static_assert(kSlots == 4, "KeptRow::share sorts four");

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
template <typename Rows>
struct CoreSearch {
  static constexpr int kTiles = Rows::kTiles, kRows = 16 * kTiles * Rows::kRowWarps;
  static constexpr int kKeyWarps = kThreads / kWarp / Rows::kRowWarps, kKeys = kCoreKeys / kKeyWarps;

  int first_row, key_warp, lane_row, lane_two;

  static CARD CoreSearch of_warp() {
    const int warp = thread_of_block() / kWarp;
    return {warp % Rows::kRowWarps * 16 * kTiles, warp / Rows::kRowWarps, thread_of_block() % kWarp / 4,
            thread_of_block() % 4 * 2};
  }
  // The lane's i-th row.
  CARD int row(int i) const { return first_row + lane_row + 8 * i; }
};

// What a warp knows of its rows.
template <int DIM, typename Rows, typename Candidates>
struct TileSearch {
  static constexpr int kTiles = Rows::kTiles;

  const TopKeysArgs &args;
  const Candidates &candidates;
  const CoreSearch<Rows> &at;
  const QueryTile &queries;
  const WarpQueries<DIM, kTiles> &rows;
  KeptRow<Candidates> (&kept)[2 * kTiles];

  // Whether any score of 16 rows with eight keys may be among the best, by sums with the first pieces.
  CARD bool may_be_best(int tile, const float (&sums)[4], float largest, const float *norms) const {
    bool may = false;
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int i = 2 * tile + n / 2;
      const float score = fmaf(sums[n], rows.scales[i], rows.slack[i] * largest) * norms[n % 2];
      may |= kept[i].may_have(score);
    }
    return warp_any(may);
  }

  // Scores of 16 rows with eight keys, to those that are kept. first: the item that is the lane's first key.
  template <typename Keys>
  CARD void keep_best(int tile, const float (&sums)[4], const float *norms, int64_t first) const {
    uint32_t odd = 0;
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int i = 2 * tile + n / 2;
      const float score = sums[n] * rows.scales[i] * norms[n % 2];
      if (!kept[i].may_have(score)) continue;
      if (fabsf(score) < INFINITY) {
        kept[i].best.add(word_of(score, candidates.place(first + n % 2)));
      } else {
        odd |= 1u << n;
      }
    }
    // seldom, and later than it was its turn: words know where they are among equal scores
    for (int n = 0; odd != 0; n++, odd >>= 1) {
      const int row = at.row(2 * tile + n / 2);
      const int64_t item = first + n % 2;
      if ((odd & 1) == 0 || row >= queries.count() || candidates.key(item) == nullptr) continue;
      const float score = score_alone<Keys>(args, candidates, queries, row, item);
      const uint64_t word = word_of(score, candidates.place(item));
      // an index that is known while compiling keeps the words in registers
      if (n < 2) {
        kept[2 * tile].best.add(word);
      } else {
        kept[2 * tile + 1].best.add(word);
      }
    }
    // the lanes have gone different ways
    warp_barrier();
    kept[2 * tile].share();
    kept[2 * tile + 1].share();
  }
};

// Scores of a warp's rows with its keys of a tile, to those that are kept.
template <typename Keys, int DIM, typename Rows, typename Candidates>
CARD void search_tile(const TileSearch<DIM, Rows, Candidates> &search, int tile) {
  constexpr int kColumns = 2, kTiles = Rows::kTiles; // times eight keys and 16 rows at once
  const CoreSearch<Rows> &at = search.at;
  const int head_dim = static_cast<int>(search.args.layout.head_dim);
  const KeyTurn<DIM> turn = KeyTurn<DIM>::of_tile(tile);
  const float largest = Keys::kLargest * turn.largest_number();
#pragma unroll 1
  for (int k = 0; k < at.kKeys; k += 8 * kColumns) {
    const int first_key = at.key_warp * at.kKeys + k;
    float sums[kTiles][kColumns][4] = {};
    multiply_with_keys<Keys>(search.rows.first, turn, first_key, head_dim, sums);
#pragma unroll
    for (int j = 0; j < kColumns; j++) {
      const int key = first_key + 8 * j + at.lane_two;
      const float *norms = turn.norms + key;
#pragma unroll
      for (int t = 0; t < kTiles; t++) {
        if (!search.may_be_best(t, sums[t][j], largest, norms)) continue;
        const Pieces<DIM> second[1] = {search.rows.second(t)};
        float more[1][1][4] = {};
        multiply_with_keys<Keys>(second, turn, first_key + 8 * j, head_dim, more);
#pragma unroll
        for (int n = 0; n < 4; n++) sums[t][j][n] += more[0][0][n];
        search.template keep_best<Keys>(t, sums[t][j], norms, static_cast<int64_t>(tile) * kCoreKeys + key);
      }
    }
  }
}

// What the lanes of a quad, and warps with other keys, have kept becomes one list for each row.
template <typename Rows, typename Candidates>
CARD void write_kept(const TopKeysArgs &args, const CoreSearch<Rows> &at, const QueryTile &queries,
                     KeptRow<Candidates> (&kept)[2 * Rows::kTiles]) {
  // (rows, key warps, slots), where keys were, which no thread reads any more
  uint64_t *lists = reinterpret_cast<uint64_t *>(shared_memory());
#pragma unroll
  for (int i = 0; i < 2 * Rows::kTiles; i++) {
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
    for (int s = 0; s < kSlots; s++) lists[(at.row(i) * at.kKeyWarps + at.key_warp) * kSlots + s] = best.words[s];
  }
  block_barrier();
  const int row = thread_of_block();
  if (row >= at.kRows || row >= queries.count()) return;
  Slots merged;
  merged.clear();
  for (int i = 0; i < at.kKeyWarps * kSlots; i++) merged.add(lists[row * at.kKeyWarps * kSlots + i]);
  write_best(args, queries, row, merged);
}

// Blocks: (rows of queries, key head, share of the keys).
template <int DIM, template <int> class KeysOf, typename Rows, typename Candidates>
CARD void top_keys_by_cores(const TopKeysArgs &args) {
  const auto at = CoreSearch<Rows>::of_warp();
  const QueryTile queries = asking(args, block_x() * at.kRows, block_y());
  const auto share = KeyShare<Candidates>::of_block(args);
  WarpQueries<DIM, Rows::kTiles> rows;
  rows.load(args, queries, at.first_row);
  KeptRow<Candidates> kept[2 * Rows::kTiles];
#pragma unroll
  for (int i = 0; i < 2 * Rows::kTiles; i++) kept[i].clear(rows.asked[i]);
  const TileSearch<DIM, Rows, Candidates> search = {args, share.candidates, at, queries, rows, kept};

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
      search_tile<KeysOf<DIM>>(search, tile);
    }
    // whoever still reads the other turn has not passed this barrier
    next.put(other);
    other.put_norm(norm);
    turn.put_place(place_after);
  }
  block_barrier();
  write_kept(args, at, queries, kept);
}

// without a bound some have more registers than they need, and one block less has room
#define LONGFORM_KERNEL(name, DIM, Keys, Rows, Candidates)                             \
  CARD_KERNEL_BESIDE(name##_##DIM, TopKeysArgs, (kCoreBlocks<DIM, Rows::kTiles>)) {    \
    top_keys_by_cores<DIM, Keys, Rows, Candidates>(args);                              \
  }

#define LONGFORM_HEADS(DIM)                                                      \
  LONGFORM_KERNEL(top_keys_cores_few_f16, DIM, HalfKeys, FewRows, AllRows)          \
  LONGFORM_KERNEL(top_keys_cores_few_q8, DIM, ByteKeys, FewRows, AllRows)           \
  LONGFORM_KERNEL(top_keys_cores_halves_f16, DIM, HalfKeys, FewRows, ListedHalves)  \
  LONGFORM_KERNEL(top_keys_cores_halves_q8, DIM, ByteKeys, FewRows, ListedHalves)   \
  LONGFORM_KERNEL(top_keys_cores_many_f16, DIM, HalfKeys, ManyRows, AllRows)        \
  LONGFORM_KERNEL(top_keys_cores_many_q8, DIM, ByteKeys, ManyRows, AllRows)

LONGFORM_HEADS(64)
LONGFORM_HEADS(128)

#undef LONGFORM_HEADS
#undef LONGFORM_KERNEL

}  // namespace longform::card
