// attend<DIM> of attend.inl by tensor cores, for many queries over keys and values of float16 or bytes. Turned
// queries and keys, and the weights of values, are float32: each is two float16 numbers (mma.h), of whose four products
// the smallest is left out, 2^-22 of the others. Values of float16 are one such number, and bytes with their scales
// exactly two.
//
// Each of the four warps has 16 of the block's 64 rows of queries. Products of a tile, and what is made of its values,
// stay in the warp's registers: only queries, keys and values are shared (FlashAttention-2).
//
// What is too large for float16, or no number, has the block's threads do that tile as attend<DIM> does.

namespace longform::card {

constexpr float kMostHalf = 65504;

// What a block keeps in shared memory. Rows of 16-bit numbers begin in banks four apart.
template <int DIM>
struct CoreTiles {
  static constexpr int kPitch = DIM / 2 + 4; // words
  static constexpr int kFloatPitch = Tiles<DIM>::kPitch, kScorePitch = Tiles<DIM>::kScorePitch;
  static_assert(2 * kPitch >= kFloatPitch, "rows of float32 lie where their halves would");
  static_assert(2 * kTileKeys * kPitch >= kCoreQueries * kScorePitch, "scores lie where keys were");

  ListRow *rows;     // of the keys
  uint32_t *queries; // (2, 64, pitch)
  uint32_t *keys;    // (2, 32, pitch)
  uint32_t *values;  // (2, 32, pitch)

  static CARD CoreTiles of_block() {
    CoreTiles tiles;
    tiles.rows = reinterpret_cast<ListRow *>(shared_memory());
    tiles.queries = reinterpret_cast<uint32_t *>(shared_memory() + kTileKeys * sizeof(ListRow));
    tiles.keys = tiles.queries + 2 * kCoreQueries * kPitch;
    tiles.values = tiles.keys + 2 * kTileKeys * kPitch;
    return tiles;
  }

  // The same where float16 numbers do not serve.
  CARD float *float_keys() const { return reinterpret_cast<float *>(keys); }
  CARD float *float_values() const { return reinterpret_cast<float *>(values); }
};

// ROWS of float32 numbers become two of float16 each.
template <int DIM, int ROWS>
struct HalfRows {
  static constexpr int kPitch = CoreTiles<DIM>::kPitch;

  uint32_t *first, *second;
  bool fits = true; // of all that this thread has put here

  explicit CARD HalfRows(uint32_t *words) : first(words), second(words + ROWS * kPitch) {}

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

// Which rows, and which of eight columns, a lane has of its warp's products: numbers 2 i and 2 i + 1 of row i (mma.h).
struct WarpRows {
  int first, lane_row, lane_two;
  Asking asking[2];

  static CARD WarpRows of_warp(const QueryTile &queries) {
    const int first = thread_of_block() / kWarp * 16, lane_row = thread_of_block() % kWarp / 4;
    return {first, lane_row, thread_of_block() % 4 * 2,
            {Asking::of(queries, first + lane_row), Asking::of(queries, first + lane_row + 8)}};
  }
  CARD int row(int i) const { return first + lane_row + 8 * i; }
  // The lane's number n of eight keys or dimensions.
  CARD int column(int j, int n) const { return 8 * j + lane_two + n % 2; }
  CARD bool none(const QueryTile &queries) const { return first >= queries.count(); }

  // Whether any of the lane's queries sees any of its keys of a tile.
  CARD bool see_any(const AttendArgs &args, const CardSegment &segment, const ListRow *rows, int64_t count) const {
    bool any = false;
#pragma unroll 1
    for (int j = 0; j < kTileKeys / 8; j++) {
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const int key = column(j, n);
        any |= key < count && asking[n / 2].sees_row(args, segment, rows[key]);
      }
    }
    return any;
  }
};

// Of a warp's queries and a tile's keys, eight at once: products, then logits, then weights.
using WarpScores = float[kTileKeys / 8][4];
// Of values, eight dimensions at once.
template <int DIM>
using WarpSums = float[DIM / 8][4];

// Products of a warp's queries with a tile's keys.
template <int DIM>
CARD void multiply_by_cores(const CoreTiles<DIM> &tiles, const WarpRows &place, int head_dim, WarpScores &scores) {
  constexpr int kPitch = CoreTiles<DIM>::kPitch, kColumns = kTileKeys / 8;
  float small[kColumns][4] = {};
#pragma unroll 1
  for (int from = 0; from < DIM; from += 32) {
    if (from >= head_dim) break;
    // cores cut where they add: sums of theirs are short, and added to nearest
    float part[kColumns][4] = {};
#pragma unroll
    for (int d = from; d < from + 32; d += 16) {
      uint32_t q[2][4];
#pragma unroll
      for (int piece = 0; piece < 2; piece++) {
        load_rows_of_warp(tiles.queries + (piece * kCoreQueries + place.first) * kPitch + d / 2, kPitch, q[piece]);
      }
#pragma unroll
      for (int j = 0; j < kColumns; j++) {
        uint32_t k[2][2];
#pragma unroll
        for (int piece = 0; piece < 2; piece++) {
          load_columns_of_warp(tiles.keys + (piece * kTileKeys + 8 * j) * kPitch + d / 2, kPitch, k[piece]);
        }
        multiply_f16(part[j], q[0], k[0]);
        multiply_f16(small[j], q[0], k[1]);
        multiply_f16(small[j], q[1], k[0]);
      }
    }
#pragma unroll
    for (int j = 0; j < kColumns; j++) {
#pragma unroll
      for (int n = 0; n < 4; n++) scores[j][n] += part[j][n];
    }
  }
#pragma unroll
  for (int j = 0; j < kColumns; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) scores[j][n] = fmaf(small[j][n], 1 / kSecondPiece, scores[j][n]);
  }
}

// The same where they do not fit: queries as they lie in memory, keys as float32.
template <int DIM>
CARD void multiply_alone(const AttendArgs &args, const CardSegment &segment, const QueryTile &queries, int64_t count,
                         const float *keys, const WarpRows &place, WarpScores &scores) {
#pragma unroll
  for (int j = 0; j < kTileKeys / 8; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int row = place.row(n / 2), key = place.column(j, n);
      if (row >= queries.count() || key >= count) continue;
      const float *query = queries.query(segment.queries, args.heads, args.layout.head_dim, row);
      float sum = 0;
#pragma unroll 1
      for (int64_t d = 0; d < args.layout.head_dim; d++) {
        sum = fmaf(query[d], keys[key * CoreTiles<DIM>::kFloatPitch + d], sum);
      }
      scores[j][n] = sum;
    }
  }
}

// Products become logits.
CARD void find_logits(const AttendArgs &args, const CardSegment &segment, const ListRow *rows, int64_t count,
                      const WarpRows &place, WarpScores &scores) {
#pragma unroll
  for (int j = 0; j < kTileKeys / 8; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      scores[j][n] = logit_of(args, segment, place.asking[n / 2], rows, place.column(j, n), count, scores[j][n]);
    }
  }
}

// The largest logit so far and the sum of exponentials, of a lane's two rows: the four lanes of a row have the same.
struct RunningRows {
  Running rows[2];

  // Logits become exponentials, less the largest so far. shrink: what was summed up before is to be multiplied with.
  CARD void exponentiate(WarpScores &scores, float (&shrink)[2]) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      Running &running = rows[i];
      float most = kNothing;
#pragma unroll
      for (int j = 0; j < kTileKeys / 8; j++) most = fmaxf(most, fmaxf(scores[j][2 * i], scores[j][2 * i + 1]));
      most = fmaxf(most, from_lane(most, 1));
      most = fmaxf(most, from_lane(most, 2));
      const float largest = fmaxf(running.largest, most);
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kTileKeys / 8; j++) {
#pragma unroll
        for (int n = 2 * i; n < 2 * i + 2; n++) {
          const float p = scores[j][n] == kNothing ? 0 : expf(scores[j][n] - largest);
          scores[j][n] = p;
          sum += p;
        }
      }
      sum += from_lane(sum, 1);
      sum += from_lane(sum, 2);
      shrink[i] = largest == running.largest ? 1 : expf(running.largest - largest);
      running.sum = running.sum * shrink[i] + sum;
      running.largest = largest;
    }
  }

  CARD void write(const AttendArgs &args, const QueryTile &queries, const WarpRows &place) const {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      if (place.lane_two != 0 || place.row(i) >= queries.count()) continue;
      const int64_t at = partial_row(args, queries, place.row(i));
      args.largest[at] = rows[i].largest;
      args.sums[at] = rows[i].sum;
    }
  }
};

// Values times their weights, added to what is there times `shrink`.
template <int DIM>
CARD void mix_by_cores(const CoreTiles<DIM> &tiles, int head_dim, bool one_half, const WarpScores &weights,
                       const float (&shrink)[2], WarpSums<DIM> &sums) {
  constexpr int kPitch = CoreTiles<DIM>::kPitch, kSteps = kTileKeys / 16;
  // products of eight columns lie in lanes as words of rows do
  uint32_t p[2][kSteps][4];
#pragma unroll
  for (int step = 0; step < kSteps; step++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float *from = weights[2 * step + i / 2] + i % 2 * 2;
      const TwoHalves low = two_halves(from[0]), high = two_halves(from[1]);
      p[0][step][i] = low.first | static_cast<uint32_t>(high.first) << 16;
      p[1][step][i] = low.second | static_cast<uint32_t>(high.second) << 16;
    }
  }
#pragma unroll
  for (int j = 0; j < DIM / 8; j++) {
    if (8 * j >= head_dim) break;
    float part[4] = {}, small[4] = {};
#pragma unroll
    for (int step = 0; step < kSteps; step++) {
      uint32_t v[2];
      load_below_of_warp(tiles.values + 16 * step * kPitch + 4 * j, kPitch, v);
      multiply_f16(part, p[0][step], v);
      multiply_f16(small, p[1][step], v);
      if (!one_half) {
        load_below_of_warp(tiles.values + (kTileKeys + 16 * step) * kPitch + 4 * j, kPitch, v);
        multiply_f16(small, p[0][step], v);
      }
    }
#pragma unroll
    for (int n = 0; n < 4; n++) {
      sums[j][n] = fmaf(sums[j][n], shrink[n / 2], fmaf(small[n], 1 / kSecondPiece, part[n]));
    }
  }
}

// The same with values as float32, some of which do not fit. weights: (64, score pitch)
template <int DIM>
CARD void mix_alone(const CoreTiles<DIM> &tiles, const float *weights, int64_t count, const WarpRows &place,
                    const float (&shrink)[2], WarpSums<DIM> &sums) {
#pragma unroll
  for (int j = 0; j < DIM / 8; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int d = place.column(j, n);
      float sum = sums[j][n] * shrink[n / 2];
#pragma unroll 1
      for (int key = 0; key < count; key++) {
        const float p = weights[place.row(n / 2) * CoreTiles<DIM>::kScorePitch + key];
        // a value that is no number must not reach queries that do not see it
        if (p != 0) sum = fmaf(p, tiles.float_values()[key * CoreTiles<DIM>::kFloatPitch + d], sum);
      }
      sums[j][n] = sum;
    }
  }
}

// What a block does with a tile of keys.
template <int DIM>
struct AttendTile {
  const AttendArgs &args;
  const CoreTiles<DIM> &tiles;
  const AttendPlace &at;
  const WarpRows &place;

  CARD int64_t value_offset() const { return at.kv_head * args.layout.head_stride + args.layout.value_stride; }

  // Keys and values of a tile as float16 numbers; whether they all fit.
  CARD bool load(const CardSegment &segment, const ListPart &part, int64_t from, int64_t count, bool queries_fit) const {
    HalfRows<DIM, kTileKeys> keys(tiles.keys), values(tiles.values);
    load_keys<DIM>(args, segment, tiles.rows, from, count, at.kv_head, part.variant, keys);
    load_plain<DIM>(tiles.rows, count, args.layout, value_offset(), values);
    return !block_any(!(keys.fits && values.fits && queries_fit));
  }

  CARD void by_cores(const CardSegment &segment, int64_t count, RunningRows &running, WarpSums<DIM> &sums) const {
    if (place.none(at.queries)) return;
    const int head_dim = static_cast<int>(args.layout.head_dim);
    WarpScores scores = {};
    float shrink[2];
    multiply_by_cores<DIM>(tiles, place, head_dim, scores);
    find_logits(args, segment, tiles.rows, count, place, scores);
    running.exponentiate(scores, shrink);
    mix_by_cores<DIM>(tiles, head_dim, args.layout.dtype == KERNELS_KV_F16, scores, shrink, sums);
  }

  CARD void alone(const CardSegment &segment, const ListPart &part, int64_t from, int64_t count, RunningRows &running,
                  WarpSums<DIM> &sums) const {
    FloatRows<DIM> keys = {tiles.float_keys()}, values = {tiles.float_values()};
    load_keys<DIM>(args, segment, tiles.rows, from, count, at.kv_head, part.variant, keys);
    load_plain<DIM>(tiles.rows, count, args.layout, value_offset(), values);
    block_barrier();
    WarpScores scores = {};
    float shrink[2];
    multiply_alone<DIM>(args, segment, at.queries, count, tiles.float_keys(), place, scores);
    find_logits(args, segment, tiles.rows, count, place, scores);
    running.exponentiate(scores, shrink);
    // a lane has the weights of a quarter of the keys, and wants all
    block_barrier();
    float *weights = tiles.float_keys();
#pragma unroll
    for (int j = 0; j < kTileKeys / 8; j++) {
#pragma unroll
      for (int n = 0; n < 4; n++) {
        weights[place.row(n / 2) * CoreTiles<DIM>::kScorePitch + place.column(j, n)] = scores[j][n];
      }
    }
    block_barrier();
    mix_alone<DIM>(tiles, weights, count, place, shrink, sums);
  }
};

template <int DIM>
CARD void attend_by_cores(const AttendArgs &args) {
  const CoreTiles<DIM> tiles = CoreTiles<DIM>::of_block();
  const AttendPlace at = attend_place<kCoreQueries>(args);
  const WarpRows place = WarpRows::of_warp(at.queries);
  const AttendTile<DIM> attend = {args, tiles, at, place};
  RunningRows running;
  WarpSums<DIM> sums = {};
  int64_t before = 0;
  for (int64_t s = 0; s < args.segment_count; s++) {
    const CardSegment &segment = args.segments[s];
    const ListPart part = part_of_list(args, segment, at, &before);
    if (part.first >= part.last) continue;
    HalfRows<DIM, kCoreQueries> halves(tiles.queries);
    load_queries<DIM, kCoreQueries>(at.queries, segment.queries, args.heads, args.layout.head_dim, halves);
    for (int64_t tile = part.first; tile < part.last; tile++) {
      const int64_t from = part.list + tile * kTileKeys;
      const int64_t count = load_rows(args.rows, from, part.list_end, tiles.rows);
      block_barrier();
      if (!block_any(place.see_any(args, segment, tiles.rows, count))) continue;
      if (attend.load(segment, part, from, count, halves.fits)) {
        attend.by_cores(segment, count, running, sums);
      } else {
        attend.alone(segment, part, from, count, running, sums);
      }
      block_barrier();
    }
  }
  running.write(args, at.queries, place);
#pragma unroll
  for (int i = 0; i < 2; i++) {
    if (place.row(i) >= at.queries.count()) continue;
    float *partial = args.partial + partial_row(args, at.queries, place.row(i)) * args.layout.head_dim;
#pragma unroll
    for (int j = 0; j < DIM / 8; j++) {
#pragma unroll
      for (int n = 0; n < 2; n++) {
        const int d = place.column(j, n);
        if (d < args.layout.head_dim) partial[d] = sums[j][2 * i + n];
      }
    }
  }
}

CARD_KERNEL(attend_cores_64, AttendArgs) { attend_by_cores<64>(args); }
CARD_KERNEL_BESIDE(attend_cores_128, AttendArgs, 3) { attend_by_cores<128>(args); }

}  // namespace longform::card
