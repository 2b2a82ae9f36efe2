// One token's queries against keys as they are stored: each is read once, turned in registers and met with
// all heads that share it. With few rows there is nothing that a widened tile would serve again.

namespace longform {
namespace LONGFORM_ISA {

// heads that meet a key at once
constexpr int kHeadsAtOnce = 4;

// Which elements of a key are turned, and by what.
struct KeyTurn {
  int64_t halves;      // so many with those as many further
  int64_t neighbours;  // so many in twos
  int64_t row;         // floats of a table's row, one for each offset
  const float *cosines;
  const float *sines;
};

// Whether the keys of a part can be read as whole vectors, pairs included.
inline bool reads_directly(const Part &part) {
  const kernels_attention &call = *part.call;
  if (part.to - part.from != 1 || part.segment->band == KERNELS_BAND_TREE) return false;
  if (call.layout->head_dim % simd::W != 0) return false;
  return call.encoding == KERNELS_ROPE_INTERLEAVED ? simd::W > 1 && 2 * call.pairs % simd::W == 0
                                                   : call.pairs % simd::W == 0;
}

// Adds element-wise products of two keys, turned by the rows `first` and `second` of the table, with R
// queries: sums[query][key] of whole vectors.
template <typename Row, int R>
inline void meet_keys(const char *const *keys, const int *offsets, const KeyTurn &turn, const float *queries,
                      int64_t head_dim, float *sums, int64_t sums_row) {
  simd::f32 products[R][2];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) products[r][0] = products[r][1] = simd::zero();
  for (int64_t d = 0; d < turn.halves; d += simd::W) {
    simd::f32 x[2], y[2];
#pragma GCC unroll 2
    for (int k = 0; k < 2; k++) {
      const simd::f32 c = simd::load(turn.cosines + offsets[k] * turn.row + d);
      const simd::f32 s = simd::load(turn.sines + offsets[k] * turn.row + d);
      const simd::f32 a = Row::load(keys[k], d, head_dim), b = Row::load(keys[k], d + turn.halves, head_dim);
      x[k] = simd::fnma(b, s, simd::mul(a, c));
      y[k] = simd::fma(a, s, simd::mul(b, c));
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const simd::f32 p = simd::load(queries + r * head_dim + d), q = simd::load(queries + r * head_dim + d + turn.halves);
#pragma GCC unroll 2
      for (int k = 0; k < 2; k++) products[r][k] = simd::fma(y[k], q, simd::fma(x[k], p, products[r][k]));
    }
  }
  for (int64_t d = 0; d < turn.neighbours; d += simd::W) {
    simd::f32 x[2];
#pragma GCC unroll 2
    for (int k = 0; k < 2; k++) {
      const simd::f32 a = Row::load(keys[k], d, head_dim);
      x[k] = simd::fma(swap_neighbours(a), simd::load(turn.sines + offsets[k] * turn.row + d),
                       simd::mul(a, simd::load(turn.cosines + offsets[k] * turn.row + d)));
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const simd::f32 p = simd::load(queries + r * head_dim + d);
#pragma GCC unroll 2
      for (int k = 0; k < 2; k++) products[r][k] = simd::fma(x[k], p, products[r][k]);
    }
  }
  for (int64_t d = 2 * turn.halves + turn.neighbours; d < head_dim; d += simd::W) {
    const simd::f32 x = Row::load(keys[0], d, head_dim), y = Row::load(keys[1], d, head_dim);
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const simd::f32 p = simd::load(queries + r * head_dim + d);
      products[r][0] = simd::fma(x, p, products[r][0]);
      products[r][1] = simd::fma(y, p, products[r][1]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
    simd::store(sums + r * sums_row, products[r][0]);
    simd::store(sums + r * sums_row + simd::W, products[r][1]);
  }
}

// Scores of R queries against the columns of a piece: scores[query][column], 64 columns a query.
template <typename Row, int R>
inline void score_piece(const Tile &tile, const Piece &piece, int64_t offset, const KeyTurn &turn,
                        const float *queries, int64_t head_dim, float *scores) {
  constexpr int kSumsRow = (simd::W + 1) / 2 * 2 * simd::W;
  alignas(64) float sums[R * kSumsRow] = {0};
  for (int j = 0; j < piece.count; j += simd::W) {
    const int n = piece.count - j < simd::W ? piece.count - j : simd::W;
    for (int k = 0; k < n; k += 2) {
      // without a second key the first stands in
      const int columns[2] = {j + k, k + 1 < n ? j + k + 1 : j + k};
      const char *keys[2] = {tile.keys[piece.column + columns[0]] + offset, tile.keys[piece.column + columns[1]] + offset};
      meet_keys<Row, R>(keys, columns, turn, queries, head_dim, sums + k * simd::W, kSumsRow);
    }
    for (int r = 0; r < R; r++) {
      simd::f32 rows[simd::W];
#pragma GCC unroll 16
      for (int k = 0; k < simd::W; k++) rows[k] = simd::load(sums + r * kSumsRow + k * simd::W);
      const simd::f32 found = row_sums(rows);
      float *target = scores + r * kTileKeys + piece.column + j;
      if (n == simd::W) {
        simd::store(target, found);
      } else {
        simd::store_part(target, found, n);
      }
    }
  }
}

// The same for all heads of a part.
template <typename Row>
inline void score_heads(const Part &part, const Tile &tile, const Piece &piece, const KeyTurn &turn,
                        const float *queries, float *scores) {
  const int64_t head_dim = part.call->layout->head_dim, offset = part.kv_head * part.call->layout->head_stride;
  for (int64_t h = 0; h < part.heads; h += kHeadsAtOnce) {
    const float *asking = queries + h * head_dim;
    float *target = scores + h * kTileKeys;
    switch (part.heads - h) {
      case 1: score_piece<Row, 1>(tile, piece, offset, turn, asking, head_dim, target); break;
      case 2: score_piece<Row, 2>(tile, piece, offset, turn, asking, head_dim, target); break;
      case 3: score_piece<Row, 3>(tile, piece, offset, turn, asking, head_dim, target); break;
      default: score_piece<Row, kHeadsAtOnce>(tile, piece, offset, turn, asking, head_dim, target); break;
    }
  }
}

inline void score_directly(const Part &part, const Tile &tile, const Piece &piece, const KeyTurn &turn,
                           const float *queries, float *scores) {
  switch (part.call->layout->dtype) {
    case KERNELS_KV_F32: score_heads<F32Row>(part, tile, piece, turn, queries, scores); break;
    case KERNELS_KV_F16: score_heads<F16Row>(part, tile, piece, turn, queries, scores); break;
    default: score_heads<Q8Row>(part, tile, piece, turn, queries, scores); break;
  }
}

// mixed (M, N vectors) += weights (M, 64) · values, from element d on of stored rows.
template <typename Row, int M, int N>
inline void mix_vectors(const Tile &tile, int64_t offset, const float *weights, int64_t d, int64_t head_dim,
                        float *mixed, int64_t mixed_row) {
  simd::f32 sums[M][N];
#pragma GCC unroll 4
  for (int m = 0; m < M; m++) {
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) sums[m][n] = simd::load(mixed + m * mixed_row + d + n * simd::W);
  }
  for (int j = 0; j < tile.count; j++) {
    const char *row = tile.keys[j] + offset;
    simd::f32 value[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) value[n] = Row::load(row, d + n * simd::W, head_dim);
#pragma GCC unroll 4
    for (int m = 0; m < M; m++) {
      const simd::f32 weight = simd::set(weights[m * kTileKeys + j]);
#pragma GCC unroll 8
      for (int n = 0; n < N; n++) sums[m][n] = simd::fma(weight, value[n], sums[m][n]);
    }
  }
#pragma GCC unroll 4
  for (int m = 0; m < M; m++) {
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) simd::store(mixed + m * mixed_row + d + n * simd::W, sums[m][n]);
  }
}

template <typename Row, int M>
inline void mix_rows(const Tile &tile, int64_t offset, const float *weights, int64_t head_dim, float *mixed,
                     int64_t mixed_row) {
  int64_t d = 0;
  for (; d + kSumVectors * simd::W <= head_dim; d += kSumVectors * simd::W) {
    mix_vectors<Row, M, kSumVectors>(tile, offset, weights, d, head_dim, mixed, mixed_row);
  }
  for (; d < head_dim; d += simd::W) mix_vectors<Row, M, 1>(tile, offset, weights, d, head_dim, mixed, mixed_row);
}

template <typename Row>
inline void mix_heads(const Part &part, const Tile &tile, const float *weights, float *mixed, int64_t mixed_row) {
  const kernels_kv_layout &layout = *part.call->layout;
  const int64_t offset = part.kv_head * layout.head_stride + layout.value_stride, head_dim = layout.head_dim;
  for (int64_t h = 0; h < part.heads; h += kHeadsAtOnce) {
    const float *some = weights + h * kTileKeys;
    float *target = mixed + h * mixed_row;
    switch (part.heads - h) {
      case 1: mix_rows<Row, 1>(tile, offset, some, head_dim, target, mixed_row); break;
      case 2: mix_rows<Row, 2>(tile, offset, some, head_dim, target, mixed_row); break;
      case 3: mix_rows<Row, 3>(tile, offset, some, head_dim, target, mixed_row); break;
      default: mix_rows<Row, kHeadsAtOnce>(tile, offset, some, head_dim, target, mixed_row); break;
    }
  }
}

// mixed[head] += weights[head] · values of a tile, which every head sees.
inline void mix_directly(const Part &part, const Tile &tile, const float *weights, float *mixed, int64_t mixed_row) {
  switch (part.call->layout->dtype) {
    case KERNELS_KV_F32: mix_heads<F32Row>(part, tile, weights, mixed, mixed_row); break;
    case KERNELS_KV_F16: mix_heads<F16Row>(part, tile, weights, mixed, mixed_row); break;
    default: mix_heads<Q8Row>(part, tile, weights, mixed, mixed_row); break;
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
