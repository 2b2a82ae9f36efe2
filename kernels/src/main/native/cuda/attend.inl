// Softmax attention over the segments of a plan: partial sums over shares of the keys, each with the largest
// logit and the sum of exponentials (flash attention), and their merge. Keys are turned as they are loaded.

namespace longform::card {

CARD double key_position(const RowsArgs &args, int64_t row, int64_t index) {
  switch (args.key_kind) {
    case KERNELS_POSITION_CONTIGUOUS: return static_cast<double>(args.key_first + index);
    case KERNELS_POSITION_CONSTANT: return args.key_position;
    case KERNELS_POSITION_STRIDED: {
      const double steps = static_cast<double>(row - args.key_anchor) / static_cast<double>(args.key_stride);
      return static_cast<double>(args.key_first) + floor(steps);
    }
    case KERNELS_POSITION_LISTED: return args.key_positions[row - args.key_anchor];
    default: return static_cast<double>(row);
  }
}

struct Angle {
  float cosine, sine;
};

CARD Angle angle_of(double turn, double factor) {
  double sine, cosine;
  sine_and_cosine(turn, &sine, &cosine);
  return {static_cast<float>(factor * cosine), static_cast<float>(factor * sine)};
}

// One block for each run of rows.
CARD_KERNEL(card_rows, RowsArgs) {
  const kernels_run run = args.runs[block_x()];
  const int64_t count = least(run.count, args.end - run.index);
  int64_t index = run.index;
  if (args.chosen_count != nullptr && index >= args.chosen_place) index += *args.chosen_count;
  ListRow *rows = args.rows + (args.list_starts == nullptr ? 0 : args.list_starts[block_x()]) + index;
  for (int64_t i = thread_of_block(); i < count; i += kThreads) {
    rows[i] = {run.key + i * args.row_bytes, run.row + i, key_position(args, run.row + i, index + i)};
  }
}

// One thread for each row that may have been chosen, and for each query.
CARD_KERNEL(card_chosen_rows, ChosenRowsArgs) {
  const int64_t i = element_of_grid(), chosen = *args.list.chosen_count;
  if (i < 2) args.starts[i] = args.first + i * (args.known + chosen);
  if (i < args.tokens) args.moved[i] = args.positions[i] + static_cast<double>(chosen);
  if (i >= chosen) return;
  const kernels_chosen_row row = args.rows[i];
  const int64_t index = args.list.chosen_place + i;
  args.list.rows[index] = {row.key, row.row, key_position(args.list, row.row, index)};
}

CARD_KERNEL(card_angles, AnglesArgs) {
  const int64_t i = element_of_grid();
  if (i >= args.count * args.variants * args.pairs) return;
  const int64_t pair = i % args.pairs, variant = i / args.pairs % args.variants, row = i / args.pairs / args.variants;
  // there is room for more rows than a card chose
  if (row >= args.starts[args.groups] - args.first) return;
  double position = args.rows[row].position;
  if (args.scales != nullptr) {
    int64_t group = 0;
    while (args.starts[group + 1] - args.first <= row) group++;
    position *= args.scales[group * args.variants + variant];
  }
  const Angle angle = angle_of(position * args.frequencies[pair], args.factor);
  args.angles[2 * i] = angle.cosine;
  args.angles[2 * i + 1] = angle.sine;
}

CARD_KERNEL(card_angle_table, AngleTableArgs) {
  const int64_t i = element_of_grid();
  if (i >= args.positions * args.pairs) return;
  const Angle angle = angle_of(static_cast<double>(i / args.pairs) * args.frequencies[i % args.pairs], args.factor);
  args.angles[2 * i] = angle.cosine;
  args.angles[2 * i + 1] = angle.sine;
}

// One block for each token.
CARD_KERNEL(card_turn, TurnArgs) {
  const int64_t token = block_x(), items = (args.head_dim + 1) / 2;
  for (int64_t i = thread_of_block(); i < args.heads * items; i += kThreads) {
    const int64_t head = i / items, pair = i % items;
    const float *query = args.queries + (token * args.heads + head) * args.head_dim;
    float *turned = args.turned + (token * args.heads + head) * args.head_dim;
    int64_t a, b;
    pair_at(pair, args.pairs, args.interleaved, &a, &b);
    if (pair < args.pairs) {
      Angle angle;
      if (args.table != nullptr) {
        const float *of = args.table + 2 * (static_cast<int64_t>(args.positions[token]) * args.pairs + pair);
        angle = {of[0], of[1]};
      } else {
        const double scale = args.scales == nullptr ? 1 : args.scales[head];
        angle = angle_of(args.positions[token] * scale * args.frequencies[pair], args.factor);
      }
      const float p = query[a], q = query[b];
      turned[a] = p * angle.cosine - q * angle.sine;
      turned[b] = q * angle.cosine + p * angle.sine;
    } else {
      if (a < args.head_dim) turned[a] = query[a];
      if (b < args.head_dim) turned[b] = query[b];
    }
  }
}

CARD bool sees(const CardSegment &segment, int64_t query, int64_t key) {
  if (query < segment.query_from || query >= segment.query_to) return false;
  switch (segment.band) {
    case KERNELS_BAND_CAUSAL: return key <= query;
    case KERNELS_BAND_NEAR: return key <= query && query - key < segment.width;
    case KERNELS_BAND_FAR: return query - key >= segment.width;
    case KERNELS_BAND_TREE:
      return key < segment.width ||
             segment.mask[(query - segment.width) * segment.mask_width + key - segment.width] != 0;
    default: return query - key >= segment.width && query - key < segment.width_end;
  }
}

// Cosines and sines of the rows of a tile.
struct TileAngles {
  const float *table; // or
  const float *angles;
  int64_t step;

  CARD const float *of(const ListRow *rows, int row) const {
    return table != nullptr ? table + static_cast<int64_t>(rows[row].position) * step : angles + row * step;
  }
};

CARD TileAngles tile_angles(const AttendArgs &args, const CardSegment &segment, int64_t first_row, int64_t variant) {
  if (segment.table != nullptr) return {segment.table, nullptr, 2 * args.pairs};
  const int64_t first = (first_row - segment.first) * segment.variants + variant;
  return {nullptr, segment.angles + 2 * first * args.pairs, 2 * segment.variants * args.pairs};
}

// Keys of a tile, turned for one query head or for all of a key head.
template <int DIM, typename Rows>
CARD void load_keys(const AttendArgs &args, const CardSegment &segment, const ListRow *rows, int64_t first_row,
                    int64_t count, int64_t kv_head, int64_t variant, Rows &target) {
  const int64_t dtype = args.layout.dtype, head_dim = args.layout.head_dim, pairs = args.pairs;
  const int64_t offset = kv_head * args.layout.head_stride;
  const TileAngles angles = tile_angles(args, segment, first_row, variant);
  if (args.interleaved == 0 && pairs % 8 == 0) {
    // eight pairs at once, then eight dimensions that do not turn
    const int turning = static_cast<int>(pairs / 8), items = DIM / 8 - turning;
    for (int i = thread_of_block(); i < kTileKeys * items; i += kThreads) {
      const int row = i / items, item = i % items;
      const bool turns = item < turning;
      const int64_t a = turns ? 8 * item : 2 * pairs + 8 * (item - turning);
      Eight p = {}, q = {};
      if (row < count) {
        p = kv_eight(dtype, head_dim, rows[row].key + offset, a);
        if (turns) {
          q = kv_eight(dtype, head_dim, rows[row].key + offset, a + pairs);
          const float *angle = angles.of(rows, row) + 2 * a;
#pragma unroll
          for (int j = 0; j < 8; j++) {
            const float turned = p.of[j] * angle[2 * j] - q.of[j] * angle[2 * j + 1];
            q.of[j] = q.of[j] * angle[2 * j] + p.of[j] * angle[2 * j + 1];
            p.of[j] = turned;
          }
        }
      }
      target.eight(row, a, p);
      if (turns) target.eight(row, a + pairs, q);
    }
    return;
  }
  for (int i = thread_of_block(); i < kTileKeys * (DIM / 2); i += kThreads) {
    const int row = i / (DIM / 2), pair = i % (DIM / 2);
    int64_t a, b;
    pair_at(pair, pairs, args.interleaved, &a, &b);
    const char *key = row < count ? rows[row].key + offset : nullptr;
    float p = key != nullptr && a < head_dim ? kv_element(dtype, head_dim, key, a) : 0;
    float q = key != nullptr && b < head_dim ? kv_element(dtype, head_dim, key, b) : 0;
    if (key != nullptr && pair < pairs) {
      const float *angle = angles.of(rows, row) + 2 * pair;
      const float turned = p * angle[0] - q * angle[1];
      q = q * angle[0] + p * angle[1];
      p = turned;
    }
    target.one(row, a, p);
    target.one(row, b, q);
  }
}
template <int DIM>
CARD void load_keys(const AttendArgs &args, const CardSegment &segment, const ListRow *rows, int64_t first_row,
                    int64_t count, int64_t kv_head, int64_t variant, float *target) {
  FloatRows<DIM> floats = {target};
  load_keys<DIM>(args, segment, rows, first_row, count, kv_head, variant, floats);
}

// Who asks in a row of a tile: a token and its head. To find them is a division, so it is done once for many keys.
struct Asking {
  int token; // -1: nobody
  int head;

  static CARD Asking of(const QueryTile &queries, int row) {
    if (row >= queries.count()) return {-1, 0};
    return {static_cast<int>(queries.token(row)), static_cast<int>(queries.head_of(row))};
  }
  CARD bool sees_row(const AttendArgs &args, const CardSegment &segment, const ListRow &row) const {
    return token >= 0 && sees(segment, args.first_row + token, row.row);
  }
};

// The logit of a query and a tile's key whose product is `sum`; kNothing where the query does not see the key.
CARD float logit_of(const AttendArgs &args, const CardSegment &segment, const Asking &asking, const ListRow *rows,
                    int key, int64_t count, float sum) {
  if (key >= count || !asking.sees_row(args, segment, rows[key])) return kNothing;
  float logit = sum * static_cast<float>(args.scale);
  if (args.slopes != nullptr) {
    const double scale = segment.scales == nullptr ? 1 : segment.scales[asking.head];
    const double distance = (segment.positions[asking.token] - rows[key].position) * scale;
    logit -= static_cast<float>(args.slopes[asking.head] * distance);
  }
  logit *= static_cast<float>(segment.logit_scale);
  if (args.soft_cap > 0) {
    const float most = static_cast<float>(args.soft_cap);
    logit = most * tanhf(logit / most);
  }
  return logit;
}

// Logits of this thread's queries and keys into the tile's scores; kNothing where a query does not see.
template <int DIM>
CARD void score(const AttendArgs &args, const CardSegment &segment, const QueryTile &queries, int64_t count,
                const Tiles<DIM> &tiles) {
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  float sums[2][4] = {};
  if (!warp_has_none(queries)) multiply<DIM>(tiles.queries, tiles.keys, sums);
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int row = 2 * y + i;
    const Asking asking = Asking::of(queries, row);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int key = x + 8 * j;
      tiles.scores[row * Tiles<DIM>::kScorePitch + key] =
          logit_of(args, segment, asking, tiles.rows, key, count, sums[i][j]);
    }
  }
}

// The rows of keys of a tile into shared memory; answers how many there are.
CARD int64_t load_rows(const ListRow *rows, int64_t from, int64_t end, ListRow *target) {
  const int64_t count = least(kTileKeys, end - from);
  if (thread_of_block() < count) target[thread_of_block()] = rows[from + thread_of_block()];
  return count;
}

// Whether any of this thread's queries sees any of its keys.
CARD bool sees_any(const AttendArgs &args, const CardSegment &segment, const QueryTile &queries, const ListRow *rows,
                   int64_t count) {
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  bool any = false;
  for (int i = 0; i < 2; i++) {
    const Asking asking = Asking::of(queries, 2 * y + i);
    for (int key = x; key < count; key += 8) any |= asking.sees_row(args, segment, rows[key]);
  }
  return any;
}

// The largest logit of a query so far and its sum of exponentials: four threads for each query have it.
struct Running {
  float largest = kNothing;
  float sum = 0;
};

// Exponentials of a tile's scores less the largest so far.
template <typename OfBlock>
CARD void exponentiate(const OfBlock &tiles, Running &running) {
  const int row = thread_of_block() / 4, quarter = thread_of_block() % 4;
  float *scores = tiles.scores + row * OfBlock::kScorePitch + quarter * 8;
  float most = kNothing;
#pragma unroll
  for (int j = 0; j < 8; j++) most = fmaxf(most, scores[j]);
  most = fmaxf(most, from_lane(most, 1));
  most = fmaxf(most, from_lane(most, 2));
  const float largest = fmaxf(running.largest, most);
  float sum = 0;
#pragma unroll
  for (int j = 0; j < 8; j++) {
    const float p = scores[j] == kNothing ? 0 : expf(scores[j] - largest);
    scores[j] = p;
    sum += p;
  }
  sum += from_lane(sum, 1);
  sum += from_lane(sum, 2);
  const float shrink = largest == running.largest ? 1 : expf(running.largest - largest);
  running.sum = running.sum * shrink + sum;
  running.largest = largest;
  if (quarter == 0) tiles.shrink[row] = shrink;
}

// What a block works on: (query tile, list of keys, share of the keys).
struct AttendPlace {
  QueryTile queries;
  int64_t kv_head;
  int64_t begin, end; // tiles of keys, of all segments' lists one after the other
};

CARD int64_t tiles_of_list(const AttendArgs &args, const CardSegment &segment) {
  const int64_t group = block_y() * segment.groups / args.units;
  return (segment.starts[group + 1] - segment.starts[group] + kTileKeys - 1) / kTileKeys;
}

// ROWS: of queries, of a block.
template <int ROWS>
CARD AttendPlace attend_place(const AttendArgs &args) {
  const int64_t sharers = args.heads / args.units, unit = block_y();
  int64_t all = 0;
  for (int64_t s = 0; s < args.segment_count; s++) all += tiles_of_list(args, args.segments[s]);
  return {{block_x() * ROWS, sharers, unit * sharers, 1, args.tokens},
          unit * sharers * args.layout.kv_heads / args.heads,
          all * block_z() / args.splits,
          all * (block_z() + 1) / args.splits};
}

// A block's part of one segment: tiles of a list of rows.
struct ListPart {
  int64_t list, list_end; // rows
  int64_t first, last;    // tiles
  int64_t variant;
};

// before: tiles of the segments before this one, which are more afterwards.
CARD ListPart part_of_list(const AttendArgs &args, const CardSegment &segment, const AttendPlace &place,
                           int64_t *before) {
  const int64_t group = block_y() * segment.groups / args.units, here = tiles_of_list(args, segment);
  const ListPart part = {segment.starts[group], segment.starts[group + 1],
                         place.begin > *before ? place.begin - *before : 0, least(here, place.end - *before),
                         segment.variants == 1 ? 0 : block_y() % segment.variants};
  *before += here;
  return part;
}

// Of a tile's row, in the lists of partial answers.
CARD int64_t partial_row(const AttendArgs &args, const QueryTile &queries, int row) {
  return (block_z() * args.tokens + queries.token(row)) * args.heads + queries.head_of(row);
}

CARD void write_running(const AttendArgs &args, const QueryTile &queries, const Running &running) {
  const int row = thread_of_block() / 4;
  if (thread_of_block() % 4 != 0 || row >= queries.count()) return;
  const int64_t place = partial_row(args, queries, row);
  args.largest[place] = running.largest;
  args.sums[place] = running.sum;
}

template <int DIM>
CARD void attend(const AttendArgs &args) {
  constexpr int kFours = DIM / 32;
  const Tiles<DIM> tiles = Tiles<DIM>::of_block();
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  const AttendPlace place = attend_place<kTileQueries>(args);
  const QueryTile &queries = place.queries;
  Running running;
  Four sums[2][kFours] = {};
  int64_t before = 0;
  for (int64_t s = 0; s < args.segment_count; s++) {
    const CardSegment &segment = args.segments[s];
    const ListPart part = part_of_list(args, segment, place, &before);
    if (part.first >= part.last) continue;
    load_queries<DIM>(queries, segment.queries, args.heads, args.layout.head_dim, tiles.queries);
    for (int64_t tile = part.first; tile < part.last; tile++) {
      const int64_t from = part.list + tile * kTileKeys;
      const int64_t count = load_rows(args.rows, from, part.list_end, tiles.rows);
      block_barrier();
      if (!block_any(sees_any(args, segment, queries, tiles.rows, count))) continue;
      load_keys<DIM>(args, segment, tiles.rows, from, count, place.kv_head, part.variant, tiles.keys);
      block_barrier();
      score<DIM>(args, segment, queries, count, tiles);
      block_barrier();
      exponentiate(tiles, running);
      load_plain<DIM>(tiles.rows, count, args.layout,
                      place.kv_head * args.layout.head_stride + args.layout.value_stride, tiles.keys);
      block_barrier();
      if (!warp_has_none(queries)) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const float shrink = tiles.shrink[2 * y + i];
#pragma unroll
          for (int f = 0; f < kFours; f++) {
            sums[i][f].x *= shrink;
            sums[i][f].y *= shrink;
            sums[i][f].z *= shrink;
            sums[i][f].w *= shrink;
          }
        }
        for (int key = 0; key < count; key++) {
          const float p[2] = {tiles.scores[2 * y * Tiles<DIM>::kScorePitch + key],
                              tiles.scores[(2 * y + 1) * Tiles<DIM>::kScorePitch + key]};
#pragma unroll
          for (int f = 0; f < kFours; f++) {
            const Four v = *reinterpret_cast<const Four *>(tiles.keys + key * Tiles<DIM>::kPitch + 4 * x + 32 * f);
#pragma unroll
            for (int i = 0; i < 2; i++) {
              // a value that is no number must not reach queries that do not see it
              if (p[i] != 0) {
                sums[i][f].x = fmaf(p[i], v.x, sums[i][f].x);
                sums[i][f].y = fmaf(p[i], v.y, sums[i][f].y);
                sums[i][f].z = fmaf(p[i], v.z, sums[i][f].z);
                sums[i][f].w = fmaf(p[i], v.w, sums[i][f].w);
              }
            }
          }
        }
      }
      block_barrier();
    }
  }
  write_running(args, queries, running);
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int row = 2 * y + i;
    if (row >= queries.count()) continue;
    float *partial = args.partial + partial_row(args, queries, row) * args.layout.head_dim;
#pragma unroll
    for (int f = 0; f < kFours; f++) {
      const float four[4] = {sums[i][f].x, sums[i][f].y, sums[i][f].z, sums[i][f].w};
#pragma unroll
      for (int d = 0; d < 4; d++) {
        const int64_t at = 4 * x + 32 * f + d;
        if (at < args.layout.head_dim) partial[at] = four[d];
      }
    }
  }
}

// One block for each token and head.
CARD_KERNEL(attend_merge, MergeArgs) {
  const int64_t row = block_x();
  float largest = kNothing;
  for (int64_t s = 0; s < args.splits; s++) {
    const int64_t place = s * args.rows + row;
    // a share without a key has no largest logit
    if (args.sums[place] != 0) largest = fmaxf(largest, args.largest[place]);
  }
  float sum = 0;
  for (int64_t s = 0; s < args.splits; s++) {
    const int64_t place = s * args.rows + row;
    if (args.sums[place] != 0) sum = fmaf(args.sums[place], expf(args.largest[place] - largest), sum);
  }
  for (int64_t d = thread_of_block(); d < args.head_dim; d += kThreads) {
    float mixed = 0;
    for (int64_t s = 0; s < args.splits; s++) {
      const int64_t place = s * args.rows + row;
      if (args.sums[place] == 0) continue;
      mixed = fmaf(args.partial[place * args.head_dim + d], expf(args.largest[place] - largest), mixed);
    }
    args.out[row * args.head_dim + d] = sum == 0 ? 0 : mixed / sum;
  }
  if (thread_of_block() != 0) return;
  if (args.log_sum_exp != nullptr) args.log_sum_exp[row] = sum == 0 ? kNothing : largest + logf(sum);
  if (args.stats != nullptr) {
    args.stats[2 * row] = largest;
    args.stats[2 * row + 1] = 1 / sum;
  }
}

CARD_KERNEL(attend_32, AttendArgs) { attend<32>(args); }
CARD_KERNEL(attend_64, AttendArgs) { attend<64>(args); }
CARD_KERNEL(attend_96, AttendArgs) { attend<96>(args); }
CARD_KERNEL(attend_128, AttendArgs) { attend<128>(args); }
CARD_KERNEL(attend_256, AttendArgs) { attend<256>(args); }

}  // namespace longform::card
