// attend<DIM> of attend.inl by tensor cores, for many queries over keys and values of float16 or bytes. Turned
// queries and keys, and the weights of values, are float32: each is two float16 numbers (mma.h), of whose four products
// the smallest is left out, 2^-22 of the others. Values of float16 are one such number, and bytes with their scales
// exactly two.
//
// What is too large for float16, or no number, has the block's threads do that tile as attend<DIM> does.
//
// Warp w has queries 16 (w % 2) and after of the tile, and half w / 2 of its keys and of the dimensions.

namespace longform::card {

constexpr float kMostHalf = 65504;

// What a block keeps in shared memory. Rows of 16-bit numbers begin in banks four apart.
template <int DIM>
struct CoreTiles {
  static constexpr int kPitch = DIM / 2 + 4; // words
  static constexpr int kScorePitch = Tiles<DIM>::kScorePitch;
  static_assert(2 * kPitch >= Tiles<DIM>::kPitch, "rows of float32 lie where their halves would");

  ListRow *rows;     // of the keys
  uint32_t *queries; // (2, 32, pitch)
  uint32_t *keys;    // (2, 32, pitch); later their values
  float *scores;     // (32, score pitch)
  float *shrink;     // (32)

  static CARD CoreTiles of_block() {
    CoreTiles tiles;
    tiles.rows = reinterpret_cast<ListRow *>(shared_memory());
    tiles.queries = reinterpret_cast<uint32_t *>(shared_memory() + kTileKeys * sizeof(ListRow));
    tiles.keys = tiles.queries + 2 * kTileQueries * kPitch;
    tiles.scores = reinterpret_cast<float *>(tiles.keys + 2 * kTileKeys * kPitch);
    tiles.shrink = tiles.scores + kTileQueries * kScorePitch;
    return tiles;
  }
};

// Rows of float32 numbers become two of float16 each.
template <int DIM>
struct HalfRows {
  static constexpr int kPitch = CoreTiles<DIM>::kPitch;

  uint32_t *first, *second;
  bool fits = true; // of all that this thread has put here

  explicit CARD HalfRows(uint32_t *words) : first(words), second(words + kTileKeys * kPitch) {}

  CARD void eight(int row, int64_t d, const Eight &x) {
    uint32_t a[4], b[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      fits = fits && fabsf(x.of[2 * i]) <= kMostHalf && fabsf(x.of[2 * i + 1]) <= kMostHalf;
      const TwoHalves low = two_halves(x.of[2 * i]), high = two_halves(x.of[2 * i + 1]);
      a[i] = low.first | static_cast<uint32_t>(high.first) << 16;
      b[i] = low.second | static_cast<uint32_t>(high.second) << 16;
    }
    *reinterpret_cast<FourWords *>(first + row * kPitch + d / 2) = {a[0], a[1], a[2], a[3]};
    *reinterpret_cast<FourWords *>(second + row * kPitch + d / 2) = {b[0], b[1], b[2], b[3]};
  }

  CARD void one(int row, int64_t d, float x) {
    fits = fits && fabsf(x) <= kMostHalf;
    const TwoHalves halves = two_halves(x);
    reinterpret_cast<uint16_t *>(first + row * kPitch)[d] = halves.first;
    reinterpret_cast<uint16_t *>(second + row * kPitch)[d] = halves.second;
  }
};

// Where a lane's number n of its warp's tile j lies among the queries, and among keys or dimensions.
struct WarpTile {
  int first, other, lane_row, lane_two;

  // each half of the warps has `width` of the keys or dimensions
  static CARD WarpTile of_warp(int width) {
    const int warp = thread_of_block() / kWarp, lane = thread_of_block() % kWarp;
    return {warp % 2 * 16, warp / 2 * width, lane / 4, lane % 4 * 2};
  }
  CARD int row(int n) const { return first + lane_row + n / 2 * 8; }
  CARD int column(int j, int n) const { return other + 8 * j + lane_two + n % 2; }
  CARD bool none(const QueryTile &queries) const { return first >= queries.count(); }
};

// Products of a warp's queries with its 16 keys.
template <int DIM>
CARD void multiply_by_cores(const CoreTiles<DIM> &tiles, const WarpTile &place, float (&sums)[2][4]) {
  constexpr int kPitch = CoreTiles<DIM>::kPitch;
  float small[2][4] = {};
#pragma unroll 2
  for (int from = 0; from < DIM; from += 32) {
    // cores cut where they add: sums of theirs are short, and added to nearest
    float part[2][4] = {};
#pragma unroll
    for (int d = from; d < from + 32; d += 16) {
      uint32_t q[2][4];
#pragma unroll
      for (int piece = 0; piece < 2; piece++) {
        load_rows_of_warp(tiles.queries + (piece * kTileQueries + place.first) * kPitch + d / 2, kPitch, q[piece]);
      }
#pragma unroll
      for (int j = 0; j < 2; j++) {
        uint32_t k[2][2];
#pragma unroll
        for (int piece = 0; piece < 2; piece++) {
          const int row = piece * kTileKeys + place.other + 8 * j;
          load_columns_of_warp(tiles.keys + row * kPitch + d / 2, kPitch, k[piece]);
        }
        multiply_f16(part[j], q[0], k[0]);
        multiply_f16(small[j], q[0], k[1]);
        multiply_f16(small[j], q[1], k[0]);
      }
    }
#pragma unroll
    for (int j = 0; j < 2; j++) {
#pragma unroll
      for (int n = 0; n < 4; n++) sums[j][n] += part[j][n];
    }
  }
#pragma unroll
  for (int j = 0; j < 2; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) sums[j][n] = fmaf(small[j][n], 1 / kSecondPiece, sums[j][n]);
  }
}

// The same where they do not fit: queries as they lie in memory, keys as float32.
template <int DIM>
CARD void multiply_alone(const AttendArgs &args, const CardSegment &segment, const QueryTile &queries, int64_t count,
                         const float *keys, const WarpTile &place, float (&sums)[2][4]) {
  for (int j = 0; j < 2; j++) {
    for (int n = 0; n < 4; n++) {
      const int row = place.row(n), key = place.column(j, n);
      if (row >= queries.count() || key >= count) continue;
      const float *query = queries.query(segment.queries, args.heads, args.layout.head_dim, row);
      for (int64_t d = 0; d < args.layout.head_dim; d++) {
        sums[j][n] = fmaf(query[d], keys[key * Tiles<DIM>::kPitch + d], sums[j][n]);
      }
    }
  }
}

// Values of a warp's dimensions times their weights, added to what is there times `shrink`.
template <int DIM>
CARD void mix_by_cores(const CoreTiles<DIM> &tiles, const WarpTile &place, bool one_half,
                       float (&sums)[DIM / 16][4]) {
  constexpr int kPitch = CoreTiles<DIM>::kPitch;
  const float shrink[2] = {tiles.shrink[place.row(0)], tiles.shrink[place.row(2)]};
  uint32_t p[2][2][4]; // (pieces, 16 keys, ..)
#pragma unroll
  for (int step = 0; step < 2; step++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int row = place.row(i % 2 * 2), key = 16 * step + i / 2 * 8 + place.lane_two;
      const float *from = tiles.scores + row * CoreTiles<DIM>::kScorePitch + key;
      const TwoHalves low = two_halves(from[0]), high = two_halves(from[1]);
      p[0][step][i] = low.first | static_cast<uint32_t>(high.first) << 16;
      p[1][step][i] = low.second | static_cast<uint32_t>(high.second) << 16;
    }
  }
  // a column's two keys, which lie one below the other
  const auto columns = [&](int piece, int step, int j, uint32_t (&b)[2]) {
    const uint16_t *values = reinterpret_cast<const uint16_t *>(
        tiles.keys + (piece * kTileKeys + 16 * step + place.lane_two) * kPitch) + place.other + 8 * j + place.lane_row;
    b[0] = values[0] | static_cast<uint32_t>(values[2 * kPitch]) << 16;
    b[1] = values[16 * kPitch] | static_cast<uint32_t>(values[18 * kPitch]) << 16;
  };
#pragma unroll
  for (int j = 0; j < DIM / 16; j++) {
    float part[4] = {}, small[4] = {};
#pragma unroll
    for (int step = 0; step < 2; step++) {
      uint32_t v[2];
      columns(0, step, j, v);
      multiply_f16(part, p[0][step], v);
      multiply_f16(small, p[1][step], v);
      if (!one_half) {
        columns(1, step, j, v);
        multiply_f16(small, p[0][step], v);
      }
    }
#pragma unroll
    for (int n = 0; n < 4; n++) {
      sums[j][n] = fmaf(sums[j][n], shrink[n / 2], fmaf(small[n], 1 / kSecondPiece, part[n]));
    }
  }
}

// The same with values as float32, some of which do not fit.
template <int DIM>
CARD void mix_alone(const CoreTiles<DIM> &tiles, const float *values, int64_t count, const WarpTile &place,
                    float (&sums)[DIM / 16][4]) {
#pragma unroll
  for (int j = 0; j < DIM / 16; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int row = place.row(n);
      float sum = sums[j][n] * tiles.shrink[row];
      for (int key = 0; key < count; key++) {
        const float p = tiles.scores[row * CoreTiles<DIM>::kScorePitch + key];
        // a value that is no number must not reach queries that do not see it
        if (p != 0) sum = fmaf(p, values[key * Tiles<DIM>::kPitch + place.column(j, n)], sum);
      }
      sums[j][n] = sum;
    }
  }
}

// Logits of a tile into its scores.
template <int DIM>
CARD void score_by_cores(const AttendArgs &args, const CardSegment &segment, const AttendPlace &at,
                         const ListPart &part, int64_t from, int64_t count, bool queries_fit,
                         const CoreTiles<DIM> &tiles) {
  const WarpTile place = WarpTile::of_warp(kTileKeys / 2);
  HalfRows<DIM> keys(tiles.keys);
  load_keys<DIM>(args, segment, tiles.rows, from, count, at.kv_head, part.variant, keys);
  float sums[2][4] = {};
  if (block_any(!keys.fits || !queries_fit)) {
    FloatRows<DIM> floats = {reinterpret_cast<float *>(tiles.keys)};
    load_keys<DIM>(args, segment, tiles.rows, from, count, at.kv_head, part.variant, floats);
    block_barrier();
    multiply_alone<DIM>(args, segment, at.queries, count, floats.rows, place, sums);
  } else if (!place.none(at.queries)) {
    multiply_by_cores<DIM>(tiles, place, sums);
  }
#pragma unroll
  for (int j = 0; j < 2; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int row = place.row(n), key = place.column(j, n);
      tiles.scores[row * CoreTiles<DIM>::kScorePitch + key] =
          logit_of(args, segment, at.queries, row, tiles.rows, key, count, sums[j][n]);
    }
  }
}

// Values of a tile, each as much as its weight in the scores.
template <int DIM>
CARD void mix(const AttendArgs &args, const AttendPlace &at, int64_t count, const CoreTiles<DIM> &tiles,
              float (&sums)[DIM / 16][4]) {
  const WarpTile place = WarpTile::of_warp(DIM / 2);
  const int64_t offset = at.kv_head * args.layout.head_stride + args.layout.value_stride;
  HalfRows<DIM> values(tiles.keys);
  load_plain<DIM>(tiles.rows, count, args.layout, offset, values);
  if (block_any(!values.fits)) {
    FloatRows<DIM> floats = {reinterpret_cast<float *>(tiles.keys)};
    load_plain<DIM>(tiles.rows, count, args.layout, offset, floats);
    block_barrier();
    mix_alone<DIM>(tiles, floats.rows, count, place, sums);
  } else if (!place.none(at.queries)) {
    mix_by_cores<DIM>(tiles, place, args.layout.dtype == KERNELS_KV_F16, sums);
  }
}

template <int DIM>
CARD void attend_by_cores(const AttendArgs &args) {
  const CoreTiles<DIM> tiles = CoreTiles<DIM>::of_block();
  const AttendPlace at = attend_place(args);
  Running running;
  float sums[DIM / 16][4] = {};
  int64_t before = 0;
  for (int64_t s = 0; s < args.segment_count; s++) {
    const CardSegment &segment = args.segments[s];
    const ListPart part = part_of_list(args, segment, at, &before);
    if (part.first >= part.last) continue;
    HalfRows<DIM> halves(tiles.queries);
    load_queries<DIM>(at.queries, segment.queries, args.heads, args.layout.head_dim, halves);
    for (int64_t tile = part.first; tile < part.last; tile++) {
      const int64_t from = part.list + tile * kTileKeys;
      const int64_t count = load_rows(args.rows, from, part.list_end, tiles.rows);
      block_barrier();
      if (!block_any(sees_any(args, segment, at.queries, tiles.rows, count))) continue;
      score_by_cores<DIM>(args, segment, at, part, from, count, halves.fits, tiles);
      block_barrier();
      exponentiate(tiles, running);
      mix<DIM>(args, at, count, tiles, sums);
      block_barrier();
    }
  }
  write_running(args, at.queries, running);
  const WarpTile place = WarpTile::of_warp(DIM / 2);
#pragma unroll
  for (int n = 0; n < 4; n++) {
    const int row = place.row(n);
    if (row >= at.queries.count()) continue;
    float *partial = args.partial + partial_row(args, at.queries, row) * args.layout.head_dim;
#pragma unroll
    for (int j = 0; j < DIM / 16; j++) {
      const int d = place.column(j, n);
      if (d < args.layout.head_dim) partial[d] = sums[j][n];
    }
  }
}

CARD_KERNEL(attend_cores_64, AttendArgs) { attend_by_cores<64>(args); }
CARD_KERNEL(attend_cores_128, AttendArgs) { attend_by_cores<128>(args); }

}  // namespace longform::card
