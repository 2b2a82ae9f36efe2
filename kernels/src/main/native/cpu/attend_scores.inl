// Logits of a part's queries against a tile of keys, some rows at a time.

namespace longform {
namespace LONGFORM_ISA {

// Scratch of one block of queries: n rows of it (tokens times heads that share keys), D dimensions,
// `width` D in whole vectors.
struct Workspace {
  float *queries;  // (n, D), packed and rotated, of one part
  float *keys;     // (D, 64), rotated
  float *values;   // (64, width)
  float *scores;   // (kSumRows, 64)
  float *angle;    // (2, pairs)
  float *mixed;    // (n, width): values weighted by exponentials relative to `largest`
  float *largest;  // (n): the largest logit so far
  float *sums;     // (n): of exponentials relative to it
  int64_t width;

  static int64_t whole_vectors(int64_t count) { return (count + simd::W - 1) / simd::W * simd::W; }

  static int64_t floats(const kernels_attention &call, int64_t rows) {
    const int64_t head_dim = call.layout->head_dim, vectors = whole_vectors(head_dim);
    return padded(rows * head_dim) + padded(head_dim * kTileKeys) + padded(vectors * kTileKeys) +
           padded(kSumRows * kTileKeys) + padded(2 * call.pairs) + padded(rows * vectors) + 2 * padded(rows);
  }

  Workspace(const kernels_attention &call, int64_t rows, void *memory)
      : width(whole_vectors(call.layout->head_dim)), at_(static_cast<float *>(memory)) {
    const int64_t head_dim = call.layout->head_dim;
    queries = take(rows * head_dim);
    keys = take(head_dim * kTileKeys);
    values = take(width * kTileKeys);
    scores = take(kSumRows * kTileKeys);
    angle = take(2 * call.pairs);
    mixed = take(rows * width);
    largest = take(rows);
    sums = take(rows);
  }

 private:
  // lines of caches
  static int64_t padded(int64_t count) { return (count + 15) / 16 * 16; }
  float *take(int64_t count) {
    float *taken = at_;
    at_ += padded(count);
    return taken;
  }

  float *at_;
};

// Packs the queries of a part, rotated by their positions less `origin`, with all factors of a logit.
inline void pack_queries(const Part &part, double origin, Workspace &work) {
  const kernels_attention &call = *part.call;
  const int64_t head_dim = call.layout->head_dim;
  const double scale = call.scale * part.segment->logit_scale;
  const bool rotates = call.encoding != KERNELS_ALIBI;
  // keys are turned without the factor: here it counts twice
  const double factor = scale * call.attention_factor * call.attention_factor;
  float *packed = work.queries;
  for (int64_t token = part.from; token < part.to; token++) {
    if (rotates) {
      const double position = query_position(*part.segment, part.query_row(token));
      angles(call.frequencies, call.pairs, (position - origin) * part.position_scale, factor, work.angle,
             work.angle + call.pairs);
    }
    const float *query = call.queries + (token * call.heads + part.head) * head_dim;
    for (int64_t h = 0; h < part.heads; h++, query += head_dim, packed += head_dim) {
      for (int64_t i = 0; i < (rotates ? call.pairs : 0); i++) {
        const int64_t a = first_of_pair(call, i), b = second_of_pair(call, i);
        const float cosine = work.angle[i], sine = work.angle[call.pairs + i];
        const float x = query[a], y = query[b];
        packed[a] = x * cosine - y * sine;
        packed[b] = y * cosine + x * sine;
      }
      for (int64_t d = rotates ? 2 * call.pairs : 0; d < head_dim; d++) {
        packed[d] = query[d] * static_cast<float>(scale);
      }
    }
  }
}

// Where the rotation of keys begins, so that as little as possible has to be turned.
class Origin {
 public:
  explicit Origin(const Part &part)
      : rotates_(part.call->encoding != KERNELS_ALIBI),
        constant_(part.segment->key_kind == KERNELS_POSITION_CONSTANT),
        // one query turns faster than 64 keys
        follows_(rotates_ && !constant_ && part.to - part.from == 1) {}

  // Before the first tile: packs the queries, unless they are turned for each tile.
  void begin(const Part &part, OffsetTable &offsets, Workspace &work) {
    origin_ = constant_ ? part.segment->key_position : 0;
    if (rotates_ && !constant_) offsets.prepare(part.call->frequencies, part.call->pairs, part.position_scale);
    if (!follows_) pack_queries(part, origin_, work);
  }

  // For each tile: its keys as columns, turned to where the packed queries stand.
  void prepare(const Part &part, const Tile &tile, const OffsetTable &offsets, Workspace &work) {
    const kernels_kv_layout &layout = *part.call->layout;
    widen_keys(layout.dtype, tile.keys, part.kv_head * layout.head_stride, tile.count, layout.head_dim, work.keys);
    if (follows_) {
      origin_ = tile.pieces[0].position;
      pack_queries(part, origin_, work);
    }
    if (rotates_ && !constant_) rotate_keys(part, tile, origin_, offsets, work.angle, work.keys);
  }

 private:
  bool rotates_;
  bool constant_;
  bool follows_;
  double origin_ = 0;
};

// A few rows of a part against the columns of a tile that any of them may see.
struct ScoreRows {
  const Part &part;
  const Tile &tile;
  int64_t first;  // row of the part
  int count;
  bool whole;  // every row sees every column
  int low;
  int high;

  ScoreRows(const Part &p, const Tile &t, bool all, int64_t from, int rows)
      : part(p), tile(t), first(from), count(rows), whole(all), low(0), high(t.count) {
    if (!all) {
      low = tile.column_of(sight(*part.segment, query_row(0)).low);
      high = tile.column_of(sight(*part.segment, query_row(rows - 1)).high);
    }
  }

  int64_t query_row(int i) const { return part.query_row(part.from + (first + i) / part.heads); }
  int64_t head(int i) const { return part.head + (first + i) % part.heads; }
  int begin() const { return low / simd::W * simd::W; }
  int end() const { return (high + simd::W - 1) / simd::W * simd::W; }

  // Writes count rows of 64 scores, from begin() to end().
  void multiply(const Workspace &work) const {
    const int64_t head_dim = part.call->layout->head_dim;
    product_any<false>(count, work.queries + first * head_dim, head_dim, work.keys + begin(), kTileKeys, head_dim,
                       work.scores + begin(), kTileKeys, (end() - begin()) / simd::W);
    if (part.call->encoding == KERNELS_ALIBI) {
      for (int i = 0; i < count; i++) bias(i, work.scores + i * kTileKeys);
    }
  }

  bool sees(int i, int column) const {
    const Sight in = sight(*part.segment, query_row(i));
    const int64_t row = tile.rows[column];
    return row >= in.low && row < in.high && !hidden(*part.segment, query_row(i), row);
  }

  // Sets the columns that row i does not see to -inf; answers whether one is left.
  bool mask(int i, float *scores) const {
    int from = low, to = high;
    bool any = true;
    if (!whole) {
      const int64_t query = query_row(i);
      const Sight in = sight(*part.segment, query);
      from = tile.column_of(in.low);
      to = tile.column_of(in.high);
      any = from < to;
      if (part.segment->band == KERNELS_BAND_TREE) {
        any = false;
        for (int j = from; j < to; j++) {
          if (hidden(*part.segment, query, tile.rows[j])) {
            scores[j] = -__builtin_inff();
          } else {
            any = true;
          }
        }
      }
    }
    for (int j = begin(); j < (from < end() ? from : end()); j++) scores[j] = -__builtin_inff();
    for (int j = to > begin() ? to : begin(); j < end(); j++) scores[j] = -__builtin_inff();
    return any;
  }

 private:
  // less slope * (query position - key position)
  void bias(int i, float *scores) const {
    const kernels_segment &segment = *part.segment;
    const double slope = part.call->frequencies[head(i)] * part.position_scale * segment.logit_scale;
    const double position = query_position(segment, query_row(i));
    for (int p = 0; p < tile.piece_count; p++) {
      const Piece &piece = tile.pieces[p];
      const float nearest = static_cast<float>(slope * (position - piece.position));
      const float step = piece.moves ? static_cast<float>(slope) : 0.f;
      for (int j = 0; j < piece.count; j++) scores[piece.column + j] += step * static_cast<float>(j) - nearest;
    }
  }
};

// Whether every query of a part sees every row of a tile.
inline bool sees_whole(const Part &part, const Tile &tile) {
  const kernels_segment &segment = *part.segment;
  const int64_t first = tile.rows[0], last = tile.rows[tile.count - 1];
  if (segment.band == KERNELS_BAND_TREE) return last < segment.width;
  return sight(segment, part.query_row(part.from)).high > last &&
         sight(segment, part.query_row(part.to - 1)).low <= first;
}

}  // namespace LONGFORM_ISA
}  // namespace longform
