// Up to 64 rows of a list, wherever they lie, as one tile of keys: widened, as columns, and rotated.

namespace longform {
namespace LONGFORM_ISA {

// Neighbouring columns whose positions go up by one, or all stand at one.
struct Piece {
  int column;
  int count;
  double position;  // of the first column
  bool moves;
};

struct Tile {
  int64_t place;  // of the first column in the list
  int count;
  int piece_count;
  // rows that will be needed next, of the first head, and where they end; or NULL
  const char *ahead;
  const char *ahead_end;
  const char *keys[kTileKeys];  // of the first head
  int64_t rows[kTileKeys];      // document rows, in increasing order
  Piece pieces[kTileKeys];

  // first column whose row is not before `row`
  int column_of(int64_t row) const {
    int low = 0, high = count;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (rows[middle] < row) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
};

inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

// Rows of a part between two places, tile by tile. A tile ends where the next page does not fit as a
// whole, so that the pages of a long document are tiles.
class TileReader {
 public:
  TileReader(const Part &part, Places places) : part_(part), place_(places.from), end_(places.to) {
    if (place_ < end_) run_ = run_of_place(part, place_);
  }

  bool next(Tile &tile) {
    tile.place = place_;
    tile.count = 0;
    tile.piece_count = 0;
    const int64_t row_bytes = part_.call->layout->row_bytes;
    while (place_ < end_) {
      const kernels_run &run = part_.runs[run_];
      const int64_t within = place_ - run.index;
      int64_t take = run.count - within < end_ - place_ ? run.count - within : end_ - place_;
      const int room = kTileKeys - tile.count;
      int64_t whole = rows_of_page(part_, run_, within);
      if (whole > end_ - place_) whole = end_ - place_;
      if (whole > room && tile.count > 0) break;
      if (take > room) take = room;
      for (int64_t i = 0; i < take; i++) {
        tile.keys[tile.count + i] = run.key + (within + i) * row_bytes;
        tile.rows[tile.count + i] = run.row + within + i;
      }
      stand(tile, run.row + within, static_cast<int>(take));
      tile.count += static_cast<int>(take);
      place_ += take;
      if (within + take == run.count) run_++;
    }
    tile.ahead = place_ < end_ ? part_.runs[run_].key : nullptr;
    tile.ahead_end = place_ < end_ ? tile.ahead + part_.runs[run_].count * row_bytes : nullptr;
    return tile.count > 0;
  }

 private:
  // where `count` neighbours stand that come after those of the tile
  void stand(Tile &tile, int64_t row, int count) const {
    const kernels_segment &segment = *part_.segment;
    switch (segment.key_kind) {
      case KERNELS_POSITION_CONTIGUOUS:
        add(tile, {tile.count, count, static_cast<double>(segment.key_first + place_), true});
        break;
      case KERNELS_POSITION_CONSTANT: add(tile, {tile.count, count, segment.key_position, false}); break;
      case KERNELS_POSITION_STRIDED:
        for (int i = 0; i < count; i++) {
          const int64_t step = floor_div(row + i - segment.key_anchor, segment.key_stride);
          add(tile, {tile.count + i, 1, static_cast<double>(segment.key_first + step), false});
        }
        break;
      case KERNELS_POSITION_LISTED:
        for (int i = 0; i < count; i++) {
          add(tile, {tile.count + i, 1, segment.key_positions[row + i - segment.key_anchor], true});
        }
        break;
      default: add(tile, {tile.count, count, static_cast<double>(row), true}); break;
    }
  }

  static void add(Tile &tile, const Piece &piece) {
    if (tile.piece_count > 0) {
      Piece &last = tile.pieces[tile.piece_count - 1];
      if (last.moves == piece.moves && piece.position == last.position + (piece.moves ? last.count : 0)) {
        last.count += piece.count;
        return;
      }
    }
    tile.pieces[tile.piece_count++] = piece;
  }

  const Part &part_;
  int64_t place_;
  int64_t end_;
  int64_t run_ = 0;
};

// Dimensions of a pair of rotary embedding.
inline int64_t first_of_pair(const kernels_attention &call, int64_t pair) {
  return call.encoding == KERNELS_ROPE_INTERLEAVED ? 2 * pair : pair;
}
inline int64_t second_of_pair(const kernels_attention &call, int64_t pair) {
  return call.encoding == KERNELS_ROPE_INTERLEAVED ? 2 * pair + 1 : pair + call.pairs;
}

// How a piece is turned: by the offsets of its columns, by one angle, or by both.
enum class Turn { kOffsets, kAngle, kBoth };

template <Turn how>
inline void rotate_piece(const kernels_attention &call, const Piece &piece, bool last, const OffsetTable *offsets,
                         const float *cosines, const float *sines, float *keys) {
  for (int64_t pair = 0; pair < call.pairs; pair++) {
    float *first = keys + first_of_pair(call, pair) * kTileKeys + piece.column;
    float *second = keys + second_of_pair(call, pair) * kTileKeys + piece.column;
    const simd::f32 cosine = how == Turn::kOffsets ? simd::zero() : simd::set(cosines[pair]);
    const simd::f32 sine = how == Turn::kOffsets ? simd::zero() : simd::set(sines[pair]);
    for (int j = 0; j < piece.count; j += simd::W) {
      simd::f32 c = cosine, s = sine;
      if (how != Turn::kAngle) {
        c = simd::load(offsets->cosines(pair) + j);
        s = simd::load(offsets->sines(pair) + j);
        if (how == Turn::kBoth) {
          const simd::f32 together = simd::fnma(sine, s, simd::mul(cosine, c));
          s = simd::fma(cosine, s, simd::mul(sine, c));
          c = together;
        }
      }
      // columns after the last piece belong to nobody
      const int n = piece.count - j;
      if (n >= simd::W || (last && piece.column + j + simd::W <= kTileKeys)) {
        const simd::f32 x = simd::load(first + j), y = simd::load(second + j);
        simd::store(first + j, simd::fnma(y, s, simd::mul(x, c)));
        simd::store(second + j, simd::fma(x, s, simd::mul(y, c)));
      } else {
        const simd::f32 x = simd::load_part(first + j, n), y = simd::load_part(second + j, n);
        simd::store_part(first + j, simd::fnma(y, s, simd::mul(x, c)), n);
        simd::store_part(second + j, simd::fma(x, s, simd::mul(y, c)), n);
      }
    }
  }
}

// Turns the columns of a tile by their positions less `origin`. `angle` has room for 2 * pairs.
inline void rotate_keys(const Part &part, const Tile &tile, double origin, const OffsetTable &offsets, float *angle,
                        float *keys) {
  const kernels_attention &call = *part.call;
  for (int i = 0; i < tile.piece_count; i++) {
    const Piece &piece = tile.pieces[i];
    const bool last = i + 1 == tile.piece_count;
    const double turn = (piece.position - origin) * part.position_scale;
    float *cosines = angle, *sines = angle + call.pairs;
    if (turn != 0) angles(call.frequencies, call.pairs, turn, 1, cosines, sines);
    if (!piece.moves) {
      if (turn != 0) rotate_piece<Turn::kAngle>(call, piece, last, nullptr, cosines, sines, keys);
    } else if (turn == 0) {
      rotate_piece<Turn::kOffsets>(call, piece, last, &offsets, nullptr, nullptr, keys);
    } else {
      rotate_piece<Turn::kBoth>(call, piece, last, &offsets, cosines, sines, keys);
    }
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
