// One token's queries against keys as they are stored: each is read once, turned in registers and met with
// all heads that share it. With few rows there is nothing that a widened tile would serve again.

namespace longform {
namespace LONGFORM_ISA {

// heads that meet a key at once
constexpr int kHeadsAtOnce = 4;
// keys are met two by two, until there is a vector of scores
constexpr int kPairs = simd::W > 1 ? simd::W / 2 : 1;
constexpr int kSumsRow = kPairs * simd::W;

// Which elements of a key are turned, and by what.
struct KeyTurn {
  int64_t halves;      // so many with those as many further
  int64_t neighbours;  // so many in twos
  const float *table;  // [offset][row]
  int64_t row;
};

// Whether the keys of a part can be read as whole vectors, pairs included.
inline bool reads_directly(const Part &part) {
  const kernels_attention &call = *part.call;
  if (part.to - part.from != 1 || part.segment->band == KERNELS_BAND_TREE) return false;
  if (simd::W == 1 || call.layout->head_dim % simd::W != 0) return false;
  return (call.encoding == KERNELS_ROPE_INTERLEAVED ? 2 : 1) * call.pairs % simd::W == 0;
}

// Where the queries of heads that meet a key at once lie: vector by vector, in each the heads, so that
// one pointer runs over them.
inline float *packed_vector(const Part &part, float *queries, int64_t head, int64_t d) {
  const int64_t block = head / kHeadsAtOnce * kHeadsAtOnce;
  const int64_t together = part.heads - block < kHeadsAtOnce ? part.heads - block : kHeadsAtOnce;
  return queries + block * part.call->layout->head_dim + d * together + (head - block) * simd::W;
}

// Packs the queries of a part's only token, rotated by their position less `origin`.
inline void pack_directly(const Part &part, double origin, float *angle, float *queries) {
  const kernels_attention &call = *part.call;
  const int64_t head_dim = call.layout->head_dim;
  const double scale = call.scale * part.segment->logit_scale;
  // keys are turned without the factor: here it counts twice
  const double factor = scale * call.attention_factor * call.attention_factor;
  const bool neighbours = call.encoding == KERNELS_ROPE_INTERLEAVED;
  const int64_t pairs = call.encoding == KERNELS_ALIBI ? 0 : call.pairs;
  float *cosines = angle, *sines = angle + pairs;
  if (pairs > 0) {
    const double position = query_position(*part.segment, part.query_row(part.from));
    angles(call.frequencies, pairs, (position - origin) * part.position_scale, factor, cosines, sines);
  }
  for (int64_t h = 0; h < part.heads; h++) {
    const float *query = call.queries + (part.from * call.heads + part.head + h) * head_dim;
    for (int64_t d = 0; d < pairs && !neighbours; d += simd::W) {
      const simd::f32 c = simd::load(cosines + d), s = simd::load(sines + d);
      const simd::f32 x = simd::load(query + d), y = simd::load(query + d + pairs);
      simd::store(packed_vector(part, queries, h, d), simd::fnma(y, s, simd::mul(x, c)));
      simd::store(packed_vector(part, queries, h, d + pairs), simd::fma(x, s, simd::mul(y, c)));
    }
    for (int64_t d = 0; d < 2 * pairs && neighbours; d += simd::W) {
      float turned[simd::W];
      for (int64_t i = 0; i < simd::W; i += 2) {
        const float c = cosines[(d + i) / 2], s = sines[(d + i) / 2];
        turned[i] = query[d + i] * c - query[d + i + 1] * s;
        turned[i + 1] = query[d + i + 1] * c + query[d + i] * s;
      }
      simd::store(packed_vector(part, queries, h, d), simd::load(turned));
    }
    for (int64_t d = 2 * pairs; d < head_dim; d += simd::W) {
      simd::store(packed_vector(part, queries, h, d),
                  simd::mul(simd::load(query + d), simd::set(static_cast<float>(scale))));
    }
  }
}

// Element-wise products of two keys, turned by rows of the table, with R queries, summed over vectors:
// sums[query] of a vector for both keys.
template <typename Row, int R>
inline void meet_keys(const char *first, const char *second, const float *first_turn, const float *second_turn,
                      const KeyTurn &turn, const float *queries, int64_t head_dim, float *sums) {
  simd::f32 products[R][2];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) products[r][0] = products[r][1] = simd::zero();
  for (int64_t d = 0; d < turn.halves; d += simd::W) {
    const simd::f32 a = Row::load(first, d, head_dim), b = Row::load(first, d + turn.halves, head_dim);
    const simd::f32 c = kept(simd::load(first_turn + 2 * d)), s = kept(simd::load(first_turn + 2 * d + simd::W));
    const simd::f32 x = simd::fnma(b, s, simd::mul(a, c)), y = simd::fma(a, s, simd::mul(b, c));
    const simd::f32 e = Row::load(second, d, head_dim), f = Row::load(second, d + turn.halves, head_dim);
    const simd::f32 g = kept(simd::load(second_turn + 2 * d)), h = kept(simd::load(second_turn + 2 * d + simd::W));
    const simd::f32 v = simd::fnma(f, h, simd::mul(e, g)), w = simd::fma(e, h, simd::mul(f, g));
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const simd::f32 p = kept(simd::load(queries + d * R + r * simd::W));
      const simd::f32 q = kept(simd::load(queries + (d + turn.halves) * R + r * simd::W));
      products[r][0] = simd::fma(y, q, simd::fma(x, p, products[r][0]));
      products[r][1] = simd::fma(w, q, simd::fma(v, p, products[r][1]));
    }
  }
  for (int64_t d = 0; d < turn.neighbours; d += simd::W) {
    const simd::f32 a = Row::load(first, d, head_dim), b = Row::load(second, d, head_dim);
    const simd::f32 x = simd::fma(swap_neighbours(a), simd::load(first_turn + 2 * d + simd::W),
                                  simd::mul(a, simd::load(first_turn + 2 * d)));
    const simd::f32 y = simd::fma(swap_neighbours(b), simd::load(second_turn + 2 * d + simd::W),
                                  simd::mul(b, simd::load(second_turn + 2 * d)));
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const simd::f32 p = kept(simd::load(queries + d * R + r * simd::W));
      products[r][0] = simd::fma(x, p, products[r][0]);
      products[r][1] = simd::fma(y, p, products[r][1]);
    }
  }
  for (int64_t d = 2 * turn.halves + turn.neighbours; d < head_dim; d += simd::W) {
    const simd::f32 x = Row::load(first, d, head_dim), y = Row::load(second, d, head_dim);
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const simd::f32 p = kept(simd::load(queries + d * R + r * simd::W));
      products[r][0] = simd::fma(x, p, products[r][0]);
      products[r][1] = simd::fma(y, p, products[r][1]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) simd::store(sums + r * kSumsRow, pair_sums(products[r][0], products[r][1]));
}

// Asks for what the next tile needs, as far as the columns up to `column` of this one have come: memory takes
// longer than the work on some rows, and the processor does not look beyond a page by itself.
inline void fetch_ahead(const Part &part, const Tile &tile, int64_t offset, int column, int columns) {
  if (tile.ahead == nullptr) return;
  const int64_t row_bytes = part.call->layout->row_bytes;
  const char *from = tile.ahead + column * row_bytes;
  const char *to = from + columns * row_bytes;
  if (to > tile.ahead_end) to = tile.ahead_end;
  for (; from < to; from += 64) __builtin_prefetch(from + offset, 0, 2);
}

// Scores of R queries against the columns of a piece: scores[query][column], 64 columns a query.
template <typename Row, int R>
inline void score_piece(const Part &part, const Tile &tile, const Piece &piece, int64_t head, const KeyTurn &turn,
                        const float *queries, float *scores) {
  const int64_t head_dim = part.call->layout->head_dim, offset = part.kv_head * part.call->layout->head_stride;
  alignas(64) float sums[R * kSumsRow];
  const char *const *keys = tile.keys + piece.column;
  for (int j = 0; j < piece.count; j += simd::W) {
    const int n = piece.count - j < simd::W ? piece.count - j : simd::W;
    for (int k = 0; k < n; k += 2) {
      // without a second key the first stands in
      const int first = j + k, second = k + 1 < n ? first + 1 : first;
      if (head == 0) fetch_ahead(part, tile, offset, piece.column + first, 2);
      meet_keys<Row, R>(keys[first] + offset, keys[second] + offset, turn.table + first * turn.row,
                        turn.table + second * turn.row, turn, queries, head_dim, sums + k / 2 * simd::W);
    }
    for (int r = 0; r < R; r++) {
      float *some = sums + r * kSumsRow, *target = scores + r * kTileKeys + piece.column + j;
      for (int i = (n + 1) / 2 * simd::W; i < kSumsRow; i++) some[i] = 0;
      simd::f32 pairs[kPairs];
#pragma GCC unroll 8
      for (int k = 0; k < kPairs; k++) pairs[k] = simd::load(some + k * simd::W);
      if (n == simd::W) {
        simd::store(target, row_sums(pairs));
      } else {
        simd::store_part(target, row_sums(pairs), n);
      }
    }
  }
}

// The same for all heads of a part.
template <typename Row>
inline void score_heads(const Part &part, const Tile &tile, const Piece &piece, const KeyTurn &turn,
                        const float *queries, float *scores) {
  const int64_t head_dim = part.call->layout->head_dim;
  for (int64_t h = 0; h < part.heads; h += kHeadsAtOnce) {
    const float *asking = queries + h * head_dim;
    float *target = scores + h * kTileKeys;
    switch (part.heads - h) {
      case 1: score_piece<Row, 1>(part, tile, piece, h, turn, asking, target); break;
      case 2: score_piece<Row, 2>(part, tile, piece, h, turn, asking, target); break;
      case 3: score_piece<Row, 3>(part, tile, piece, h, turn, asking, target); break;
      default: score_piece<Row, kHeadsAtOnce>(part, tile, piece, h, turn, asking, target); break;
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
inline void mix_vectors(const Part &part, const Tile &tile, bool first, const float *weights, int64_t d,
                        float *mixed, int64_t mixed_row) {
  const kernels_kv_layout &layout = *part.call->layout;
  const int64_t offset = part.kv_head * layout.head_stride + layout.value_stride, head_dim = layout.head_dim;
  simd::f32 sums[M][N];
#pragma GCC unroll 4
  for (int m = 0; m < M; m++) {
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) sums[m][n] = simd::load(mixed + m * mixed_row + d + n * simd::W);
  }
  for (int j = 0; j < tile.count; j++) {
    const char *row = tile.keys[j] + offset;
    if (first && d == 0) fetch_ahead(part, tile, offset, j, 1);
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
inline void mix_rows(const Part &part, const Tile &tile, bool first, const float *weights, float *mixed,
                     int64_t mixed_row) {
  const int64_t head_dim = part.call->layout->head_dim;
  int64_t d = 0;
  for (; d + kSumVectors * simd::W <= head_dim; d += kSumVectors * simd::W) {
    mix_vectors<Row, M, kSumVectors>(part, tile, first, weights, d, mixed, mixed_row);
  }
  for (; d < head_dim; d += simd::W) mix_vectors<Row, M, 1>(part, tile, first, weights, d, mixed, mixed_row);
}

template <typename Row>
inline void mix_heads(const Part &part, const Tile &tile, const float *weights, float *mixed, int64_t mixed_row) {
  for (int64_t h = 0; h < part.heads; h += kHeadsAtOnce) {
    const float *some = weights + h * kTileKeys;
    float *target = mixed + h * mixed_row;
    switch (part.heads - h) {
      case 1: mix_rows<Row, 1>(part, tile, h == 0, some, target, mixed_row); break;
      case 2: mix_rows<Row, 2>(part, tile, h == 0, some, target, mixed_row); break;
      case 3: mix_rows<Row, 3>(part, tile, h == 0, some, target, mixed_row); break;
      default: mix_rows<Row, kHeadsAtOnce>(part, tile, h == 0, some, target, mixed_row); break;
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
