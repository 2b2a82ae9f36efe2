// Tiles of 32 queries and 32 keys in shared memory, and their products. A thread has the products of queries
// 2 y and 2 y + 1 with keys x, x + 8, x + 16 and x + 24, where x = thread % 8 and y = thread / 8.
//
// DIM is the number of head dimensions rounded up; what is beyond the true number is zero.

namespace longform::card {

// Products and sums with keys of a cache as it lies there.
CARD float kv_element(int64_t dtype, int64_t head_dim, const char *row, int64_t d) {
  if (dtype == KERNELS_KV_F32) return reinterpret_cast<const float *>(row)[d];
  if (dtype == KERNELS_KV_F16) return half_to_float(reinterpret_cast<const uint16_t *>(row)[d]);
  // no address in a row of odd length is sure to be even
  const uint8_t *scale = reinterpret_cast<const uint8_t *>(row) + head_dim + d / 32 * 2;
  return half_to_float(static_cast<uint16_t>(scale[0] | scale[1] << 8)) *
         static_cast<float>(reinterpret_cast<const int8_t *>(row)[d]);
}

// Dimensions d to d + 7 of a row; zero beyond the last. One or two loads of 16 bytes where the row lies so.
struct Eight {
  float of[8];
};

CARD Eight kv_eight(int64_t dtype, int64_t head_dim, const char *row, int64_t d) {
  Eight eight;
  const char *from = row + (dtype == KERNELS_KV_F32 ? 4 : 2) * d;
  const bool whole = d + 8 <= head_dim && dtype != KERNELS_KV_Q8 && (reinterpret_cast<uintptr_t>(from) & 15) == 0;
  if (whole && dtype == KERNELS_KV_F16) {
    const FourWords words = *reinterpret_cast<const FourWords *>(from);
    const uint32_t each[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      eight.of[2 * i] = half_to_float(static_cast<uint16_t>(each[i]));
      eight.of[2 * i + 1] = half_to_float(static_cast<uint16_t>(each[i] >> 16));
    }
  } else if (whole) {
    const Four *fours = reinterpret_cast<const Four *>(from);
    const Four low = fours[0], high = fours[1];
    eight = {{low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w}};
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++) eight.of[i] = d + i < head_dim ? kv_element(dtype, head_dim, row, d + i) : 0;
  }
  return eight;
}

// to: 16-byte aligned
CARD void store_eight(const Eight &eight, float *to) {
  Four *fours = reinterpret_cast<Four *>(to);
  fours[0] = {eight.of[0], eight.of[1], eight.of[2], eight.of[3]};
  fours[1] = {eight.of[4], eight.of[5], eight.of[6], eight.of[7]};
}

constexpr float kNothing = -INFINITY;

// Where rows of float32 numbers go in shared memory, eight neighbours or one at once.
template <int DIM>
struct FloatRows {
  float *rows;

  CARD void eight(int row, int64_t d, const Eight &x) const { store_eight(x, rows + row * (DIM + 4) + d); }
  CARD void one(int row, int64_t d, float x) const { rows[row * (DIM + 4) + d] = x; }
};

// What a block keeps in shared memory.
template <int DIM>
struct Tiles {
  static constexpr int kPitch = DIM + 4;
  static constexpr int kScorePitch = kTileKeys + 1;

  ListRow *rows;  // of the keys
  float *queries; // (32, pitch)
  float *keys;    // (32, pitch); later their values
  float *scores;  // (32, score pitch)
  float *shrink;  // (32)

  static CARD Tiles of_block() {
    Tiles tiles;
    tiles.rows = reinterpret_cast<ListRow *>(shared_memory());
    tiles.queries = reinterpret_cast<float *>(shared_memory() + kTileKeys * sizeof(ListRow));
    tiles.keys = tiles.queries + kTileQueries * kPitch;
    tiles.scores = tiles.keys + kTileKeys * kPitch;
    tiles.shrink = tiles.scores + kTileQueries * kScorePitch;
    return tiles;
  }
};

// The place of a pair of dimensions: those that turn first, then the others as they come.
CARD void pair_at(int64_t pair, int64_t pairs, int64_t interleaved, int64_t *a, int64_t *b) {
  if (pair < pairs && interleaved == 0) {
    *a = pair;
    *b = pair + pairs;
  } else {
    *a = 2 * pair;
    *b = *a + 1;
  }
}

// Which queries a tile has: rows of it are tokens times the heads that share keys.
struct QueryTile {
  int64_t first;   // row
  int64_t sharers; // heads for each token
  int64_t head;    // first one
  int64_t step;    // from head to head
  int64_t tokens;

  CARD int64_t token(int row) const { return (first + row) / sharers; }
  CARD int64_t head_of(int row) const { return head + (first + row) % sharers * step; }
  CARD int64_t count() const { return tokens * sharers - first; }
  // queries (T, H, D)
  CARD const float *query(const float *queries, int64_t heads, int64_t head_dim, int row) const {
    return queries + (token(row) * heads + head_of(row)) * head_dim;
  }
};

// queries (T, H, D), ROWS of a tile
template <int DIM, int ROWS, typename Rows>
CARD void load_queries(const QueryTile &tile, const float *queries, int64_t heads, int64_t head_dim, Rows &target) {
  const int64_t count = tile.count();
  for (int i = thread_of_block(); i < ROWS * DIM; i += kThreads) {
    const int row = i / DIM, d = i % DIM;
    target.one(row, d, row < count && d < head_dim ? tile.query(queries, heads, head_dim, row)[d] : 0);
  }
}
template <int DIM>
CARD void load_queries(const QueryTile &tile, const float *queries, int64_t heads, int64_t head_dim, float *target) {
  FloatRows<DIM> rows = {target};
  load_queries<DIM, kTileQueries>(tile, queries, heads, head_dim, rows);
}

// Values, or keys that do not turn, of the rows of a tile; `offset` bytes from the first head's key.
template <int DIM, typename Rows>
CARD void load_plain(const ListRow *rows, int64_t count, const kernels_kv_layout &layout, int64_t offset,
                     Rows &target) {
  for (int i = thread_of_block(); i < kTileKeys * (DIM / 8); i += kThreads) {
    const int row = i / (DIM / 8), d = i % (DIM / 8) * 8;
    Eight eight = {};
    if (row < count) eight = kv_eight(layout.dtype, layout.head_dim, rows[row].key + offset, d);
    target.eight(row, d, eight);
  }
}
template <int DIM>
CARD void load_plain(const ListRow *rows, int64_t count, const kernels_kv_layout &layout, int64_t offset,
                     float *target) {
  FloatRows<DIM> floats = {target};
  load_plain<DIM>(rows, count, layout, offset, floats);
}

// The products of this thread's two queries with its four keys.
template <int DIM>
CARD void multiply(const float *queries, const float *keys, float (&sums)[2][4]) {
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
#pragma unroll
  for (int j = 0; j < 4; j++) sums[0][j] = sums[1][j] = 0;
#pragma unroll 4
  for (int d = 0; d < DIM; d += 4) {
    Four q[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      q[i] = *reinterpret_cast<const Four *>(queries + (2 * y + i) * Tiles<DIM>::kPitch + d);
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const Four k = *reinterpret_cast<const Four *>(keys + (x + 8 * j) * Tiles<DIM>::kPitch + d);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        sums[i][j] = fmaf(q[i].x, k.x, sums[i][j]);
        sums[i][j] = fmaf(q[i].y, k.y, sums[i][j]);
        sums[i][j] = fmaf(q[i].z, k.z, sums[i][j]);
        sums[i][j] = fmaf(q[i].w, k.w, sums[i][j]);
      }
    }
  }
}

// Whether the queries of this thread's warp are all beyond the last one.
CARD bool warp_has_none(const QueryTile &tile) { return thread_of_block() / kWarp * 8 >= tile.count(); }

}  // namespace longform::card
