// Logits of a part's queries against a tile of keys, some rows at a time.

namespace longform {
namespace LONGFORM_ISA {

// Scratch of one block of queries: n rows of it (tokens times heads that share keys), D dimensions,
// `width` D in whole vectors.
struct Workspace {
  float *queries;  // (n, D), packed and rotated, of one part
  float *keys;     // (D, 64), rotated
  float *values;   // (64, width)
  float *scores;   // (kSumRows or heads of a part, 64)
  float *angle;    // (2, pairs)
  float *mixed;    // (n, width): values weighted by exponentials relative to `largest`
  float *largest;  // (n): the largest logit so far
  float *sums;     // (n): of exponentials relative to it
  int64_t width;

  static int64_t score_rows(const kernels_attention &call) {
    const int64_t sharers = call.heads / call.layout->kv_heads;
    return sharers > kSumRows ? sharers : kSumRows;
  }
  static int64_t whole_vectors(int64_t count) { return (count + simd::W - 1) / simd::W * simd::W; }

  static int64_t floats(const kernels_attention &call, int64_t rows) {
    const int64_t head_dim = call.layout->head_dim, vectors = whole_vectors(head_dim);
    return padded(rows * head_dim) + padded(head_dim * kTileKeys) + padded(vectors * kTileKeys) +
           padded(score_rows(call) * kTileKeys) + padded(2 * call.pairs) + padded(rows * vectors) + 2 * padded(rows);
  }

  Workspace(const kernels_attention &call, int64_t rows, void *memory)
      : width(whole_vectors(call.layout->head_dim)), at_(static_cast<float *>(memory)) {
    const int64_t head_dim = call.layout->head_dim;
    queries = take(rows * head_dim);
    keys = take(head_dim * kTileKeys);
    values = take(width * kTileKeys);
    scores = take(score_rows(call) * kTileKeys);
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

// Turns elements of x with those of y, `step` apart, by angles given as cosines and then sines.
inline void turn_pairs(const float *x, const float *y, int64_t step, const float *angle, int64_t pairs,
                       float *__restrict__ turned_x, float *__restrict__ turned_y) {
  const float *sines = angle + pairs;
  for (int64_t i = 0; i < pairs; i++) {
    const float a = x[i * step], b = y[i * step];
    turned_x[i * step] = a * angle[i] - b * sines[i];
    turned_y[i * step] = b * angle[i] + a * sines[i];
  }
}

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
      if (rotates && call.encoding == KERNELS_ROPE_INTERLEAVED) {
        turn_pairs(query, query + 1, 2, work.angle, call.pairs, packed, packed + 1);
      } else if (rotates) {
        turn_pairs(query, query + call.pairs, 1, work.angle, call.pairs, packed, packed + call.pairs);
      }
      for (int64_t d = rotates ? 2 * call.pairs : 0; d < head_dim; d++) {
        packed[d] = query[d] * static_cast<float>(scale);
      }
    }
  }
}

// How the keys of a part meet its queries: as a tile of floats, turned once for all rows, or, for a
// single token, directly.
class Scoring {
 public:
  Scoring(const Part &part, Workspace &work)
      : part_(part),
        work_(work),
        direct_(reads_directly(part)),
        turns_(part.call->encoding != KERNELS_ALIBI && part.segment->key_kind != KERNELS_POSITION_CONSTANT),
        // one token's queries turn faster than 64 keys
        follows_(turns_ && part.to - part.from == 1) {
    const kernels_attention &call = *part.call;
    const TableForm form = !direct_                                      ? TableForm::kColumns
                           : call.encoding == KERNELS_ROPE_INTERLEAVED ? TableForm::kNeighbours
                                                                         : TableForm::kHalves;
    offsets_ = &offset_table(form);
    if (turns_) offsets_->prepare(form, call.frequencies, call.pairs, part.position_scale);
    if (!follows_) pack(turns_ ? 0 : part.segment->key_position);
  }

  bool direct() const { return direct_; }

  void prepare(const Tile &tile) {
    if (direct_) {
      score(tile);
      return;
    }
    const kernels_kv_layout &layout = *part_.call->layout;
    widen_keys(layout.dtype, tile.keys, part_.kv_head * layout.head_stride, tile.count, layout.head_dim, work_.keys);
    if (follows_) pack(tile.pieces[0].position);
    if (turns_) rotate_keys(part_, tile, follows_ ? tile.pieces[0].position : 0, *offsets_, work_.angle, work_.keys);
  }

 private:
  void pack(double origin) {
    if (direct_) {
      pack_directly(part_, origin, work_.angle, work_.queries);
    } else {
      pack_queries(part_, origin, work_);
    }
  }

  void score(const Tile &tile) {
    KeyTurn turn = {0, 0, nullptr, 0};
    if (!turns_) {
      score_directly(part_, tile, {0, tile.count, 0, false}, turn, work_.queries, work_.scores);
      return;
    }
    const int64_t pairs = part_.call->pairs;
    const bool neighbours = part_.call->encoding == KERNELS_ROPE_INTERLEAVED;
    turn.table = offsets_->values();
    turn.row = pairs * (neighbours ? 4 : 2);
    for (int i = 0; i < tile.piece_count; i++) {
      const Piece &piece = tile.pieces[i];
      turn.halves = piece.moves && !neighbours ? pairs : 0;
      turn.neighbours = piece.moves && neighbours ? 2 * pairs : 0;
      pack(piece.position);
      score_directly(part_, tile, piece, turn, work_.queries, work_.scores);
    }
  }

  const Part &part_;
  Workspace &work_;
  const bool direct_;
  const bool turns_;
  const bool follows_;
  OffsetTable *offsets_;
};

// A few rows of a part against the columns of a tile that any of them may see.
struct ScoreRows {
  const Part &part;
  const Tile &tile;
  const bool direct;  // the scores are there
  int64_t first;      // row of the part
  int count;
  bool whole;  // every row sees every column
  int low;
  int high;

  ScoreRows(const Part &p, const Tile &t, bool scored, bool all, int64_t from, int rows)
      : part(p), tile(t), direct(scored), first(from), count(rows), whole(all), low(0), high(t.count) {
    if (!all) {
      low = tile.column_of(sight(*part.segment, query_row(0)).low);
      high = tile.column_of(sight(*part.segment, query_row(rows - 1)).high);
    }
  }

  int64_t query_row(int i) const { return part.query_row(part.from + (first + i) / part.heads); }
  int64_t head(int i) const { return part.head + (first + i) % part.heads; }
  int begin() const { return low / simd::W * simd::W; }
  int end() const { return (high + simd::W - 1) / simd::W * simd::W; }

  // Answers count rows of 64 scores, which are there from begin() to end().
  float *multiply(const Workspace &work) const {
    const int64_t head_dim = part.call->layout->head_dim;
    float *scores = work.scores + (direct ? first * kTileKeys : 0);
    if (!direct) {
      product_any<false>(count, work.queries + first * head_dim, head_dim, work.keys + begin(), kTileKeys, head_dim,
                         scores + begin(), kTileKeys, (end() - begin()) / simd::W);
    }
    if (part.call->encoding == KERNELS_ALIBI) {
      for (int i = 0; i < count; i++) bias(i, scores + i * kTileKeys);
    }
    if (part.call->soft_cap > 0) {
      for (int i = 0; i < count; i++) cap(scores + i * kTileKeys);
    }
    return scores;
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
  void cap(float *scores) const {
    const simd::f32 most = simd::set(static_cast<float>(part.call->soft_cap));
    for (int j = begin(); j < end(); j += simd::W) simd::store(scores + j, soft_cap(simd::load(scores + j), most));
  }

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
