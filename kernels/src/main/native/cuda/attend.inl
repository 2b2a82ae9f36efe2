// Softmax attention over the segments of a plan: partial sums over shares of the keys, each with the largest
// logit and the sum of exponentials (flash attention), and their merge. Keys are turned as they are loaded.

namespace longform::card {

// One block for each run of rows.
CARD_KERNEL(card_rows, RowsArgs) {
  const kernels_run run = args.runs[block_x()];
  ListRow *rows = args.rows + args.list_starts[block_x()] + run.index;
  for (int64_t i = thread_of_block(); i < run.count; i += kThreads) {
    const int64_t row = run.row + i;
    double position = static_cast<double>(row);
    if (args.key_kind == KERNELS_POSITION_CONTIGUOUS) {
      position = static_cast<double>(args.key_first + run.index + i);
    } else if (args.key_kind == KERNELS_POSITION_CONSTANT) {
      position = args.key_position;
    } else if (args.key_kind == KERNELS_POSITION_STRIDED) {
      const double steps = static_cast<double>(row - args.key_anchor) / static_cast<double>(args.key_stride);
      position = static_cast<double>(args.key_first) + floor(steps);
    } else if (args.key_kind == KERNELS_POSITION_LISTED) {
      position = args.key_positions[row - args.key_anchor];
    }
    rows[i] = {run.key + i * args.row_bytes, row, position};
  }
}

CARD_KERNEL(card_angles, AnglesArgs) {
  const int64_t i = element_of_grid();
  if (i >= args.count * args.variants * args.pairs) return;
  const int64_t pair = i % args.pairs, variant = i / args.pairs % args.variants, row = i / args.pairs / args.variants;
  double position = args.rows[row].position;
  if (args.scales != nullptr) {
    int64_t group = 0;
    while (args.starts[group + 1] - args.first <= row) group++;
    position *= args.scales[group * args.variants + variant];
  }
  double sine, cosine;
  sine_and_cosine(position * args.frequencies[pair], &sine, &cosine);
  args.angles[2 * i] = static_cast<float>(args.factor * cosine);
  args.angles[2 * i + 1] = static_cast<float>(args.factor * sine);
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
      const double scale = args.scales == nullptr ? 1 : args.scales[head];
      double sine, cosine;
      sine_and_cosine(args.positions[token] * scale * args.frequencies[pair], &sine, &cosine);
      const float c = static_cast<float>(args.factor * cosine), s = static_cast<float>(args.factor * sine);
      const float p = query[a], q = query[b];
      turned[a] = p * c - q * s;
      turned[b] = q * c + p * s;
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

// Keys of a tile, turned for one query head or for all of a key head.
template <int DIM>
CARD void load_keys(const AttendArgs &args, const CardSegment &segment, const ListRow *rows, int64_t first_row,
                    int64_t count, int64_t kv_head, int64_t variant, float *target) {
  const int64_t dtype = args.layout.dtype, head_dim = args.layout.head_dim, pairs = args.pairs;
  const int64_t offset = kv_head * args.layout.head_stride;
  // of the first row of the tile
  const float *angles = segment.angles + 2 * ((first_row - segment.first) * segment.variants + variant) * pairs;
  const int64_t step = 2 * segment.variants * pairs;
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
          const float *angle = angles + row * step + 2 * a;
#pragma unroll
          for (int j = 0; j < 8; j++) {
            const float turned = p.of[j] * angle[2 * j] - q.of[j] * angle[2 * j + 1];
            q.of[j] = q.of[j] * angle[2 * j] + p.of[j] * angle[2 * j + 1];
            p.of[j] = turned;
          }
        }
      }
      store_eight(p, target + row * Tiles<DIM>::kPitch + a);
      if (turns) store_eight(q, target + row * Tiles<DIM>::kPitch + a + pairs);
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
      const float *angle = angles + row * step + 2 * pair;
      const float turned = p * angle[0] - q * angle[1];
      q = q * angle[0] + p * angle[1];
      p = turned;
    }
    target[row * Tiles<DIM>::kPitch + a] = p;
    target[row * Tiles<DIM>::kPitch + b] = q;
  }
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
    const bool there = row < queries.count();
    const int64_t token = there ? queries.token(row) : 0, head = there ? queries.head_of(row) : 0;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int key = x + 8 * j;
      float logit = kNothing;
      if (there && key < count && sees(segment, args.first_row + token, tiles.rows[key].row)) {
        logit = sums[i][j] * static_cast<float>(args.scale);
        if (args.slopes != nullptr) {
          const double scale = segment.scales == nullptr ? 1 : segment.scales[head];
          const double distance = (segment.positions[token] - tiles.rows[key].position) * scale;
          logit -= static_cast<float>(args.slopes[head] * distance);
        }
        logit *= static_cast<float>(segment.logit_scale);
        if (args.soft_cap > 0) {
          const float most = static_cast<float>(args.soft_cap);
          logit = most * tanhf(logit / most);
        }
      }
      tiles.scores[row * Tiles<DIM>::kScorePitch + key] = logit;
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
    if (2 * y + i >= queries.count()) continue;
    const int64_t query = args.first_row + queries.token(2 * y + i);
    for (int key = x; key < count; key += 8) any |= sees(segment, query, rows[key].row);
  }
  return any;
}

// The largest logit of a query so far and its sum of exponentials: four threads for each query have it.
struct Running {
  float largest = kNothing;
  float sum = 0;
};

// Exponentials of a tile's scores less the largest so far.
template <int DIM>
CARD void exponentiate(const Tiles<DIM> &tiles, Running &running) {
  const int row = thread_of_block() / 4, quarter = thread_of_block() % 4;
  float *scores = tiles.scores + row * Tiles<DIM>::kScorePitch + quarter * 8;
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

// Blocks: (query tile, list of keys, share of the keys).
template <int DIM>
CARD void attend(const AttendArgs &args) {
  constexpr int kFours = DIM / 32;
  const Tiles<DIM> tiles = Tiles<DIM>::of_block();
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  const int64_t sharers = args.heads / args.units, unit = block_y(), split = block_z();
  const int64_t kv_head = unit * sharers * args.layout.kv_heads / args.heads;
  const QueryTile queries = {block_x() * kTileQueries, sharers, unit * sharers, 1, args.tokens};
  Running running;
  int64_t all = 0;
  for (int64_t s = 0; s < args.segment_count; s++) {
    const CardSegment &segment = args.segments[s];
    const int64_t group = unit * segment.groups / args.units;
    all += (segment.starts[group + 1] - segment.starts[group] + kTileKeys - 1) / kTileKeys;
  }
  const int64_t begin = all * split / args.splits, end = all * (split + 1) / args.splits;
  Four sums[2][kFours] = {};
  int64_t before = 0;
  for (int64_t s = 0; s < args.segment_count; s++) {
    const CardSegment &segment = args.segments[s];
    const int64_t group = unit * segment.groups / args.units;
    const int64_t list = segment.starts[group], list_end = segment.starts[group + 1];
    const int64_t here = (list_end - list + kTileKeys - 1) / kTileKeys;
    const int64_t first = begin > before ? begin - before : 0, last = least(here, end - before);
    before += here;
    if (first >= last) continue;
    const int64_t variant = segment.variants == 1 ? 0 : unit % segment.variants;
    load_queries<DIM>(queries, segment.queries, args.heads, args.layout.head_dim, tiles.queries);
    for (int64_t tile = first; tile < last; tile++) {
      const int64_t from = list + tile * kTileKeys;
      const int64_t count = load_rows(args.rows, from, list_end, tiles.rows);
      block_barrier();
      if (!block_any(sees_any(args, segment, queries, tiles.rows, count))) continue;
      load_keys<DIM>(args, segment, tiles.rows, from, count, kv_head, variant, tiles.keys);
      block_barrier();
      score<DIM>(args, segment, queries, count, tiles);
      block_barrier();
      exponentiate<DIM>(tiles, running);
      load_plain<DIM>(tiles.rows, count, args.layout, kv_head * args.layout.head_stride + args.layout.value_stride,
                      tiles.keys);
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
  if (thread_of_block() % 4 == 0 && thread_of_block() / 4 < queries.count()) {
    const int row = thread_of_block() / 4;
    const int64_t place = (split * args.tokens + queries.token(row)) * args.heads + queries.head_of(row);
    args.largest[place] = running.largest;
    args.sums[place] = running.sum;
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int row = 2 * y + i;
    if (row >= queries.count()) continue;
    const int64_t place = (split * args.tokens + queries.token(row)) * args.heads + queries.head_of(row);
    float *partial = args.partial + place * args.layout.head_dim;
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

// How much attention each row of one list got: one block for each tile of keys. Sums are in a fixed order.
template <int DIM>
CARD void mass(const MassArgs &args) {
  const AttendArgs &call = args.attend;
  const Tiles<DIM> tiles = Tiles<DIM>::of_block();
  const CardSegment &segment = call.segments[args.segment];
  const int64_t list = segment.starts[args.group], list_end = segment.starts[args.group + 1];
  const int64_t from = list + block_x() * kTileKeys, sharers = call.heads / segment.groups;
  const int64_t count = load_rows(call.rows, from, list_end, tiles.rows);
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  float total = 0;
  block_barrier();
  for (int64_t h = 0; h < sharers; h++) {
    const int64_t head = args.group * sharers + h, kv_head = head * call.layout.kv_heads / call.heads;
    load_keys<DIM>(call, segment, tiles.rows, from, count, kv_head, segment.variants == 1 ? 0 : h, tiles.keys);
    if (args.of_heads != 0) total = 0;
    for (int64_t first = 0; first < call.tokens; first += kTileQueries) {
      const QueryTile queries = {first, 1, head, 0, call.tokens};
      load_queries<DIM>(queries, segment.queries, call.heads, call.layout.head_dim, tiles.queries);
      block_barrier();
      score<DIM>(call, segment, queries, count, tiles);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int row = 2 * y + i;
        if (row >= queries.count()) continue;
        const float *stats = args.stats + 2 * ((first + row) * call.heads + head);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          // this thread's own
          float *at = tiles.scores + row * Tiles<DIM>::kScorePitch + x + 8 * j;
          *at = *at == kNothing ? 0 : expf(*at - stats[0]) * stats[1];
        }
      }
      block_barrier();
      if (thread_of_block() < count) {
        const int rows = static_cast<int>(least(kTileQueries, queries.count()));
        for (int row = 0; row < rows; row++) total += tiles.scores[row * Tiles<DIM>::kScorePitch + thread_of_block()];
      }
      block_barrier();
    }
    if (args.of_heads != 0 && thread_of_block() < count) {
      args.mass[h * (list_end - list) + block_x() * kTileKeys + thread_of_block()] = total;
    }
  }
  if (args.of_heads == 0 && thread_of_block() < count) args.mass[block_x() * kTileKeys + thread_of_block()] = total;
}

#define LONGFORM_HEADS(DIM)                                     \
  CARD_KERNEL(attend_##DIM, AttendArgs) { attend<DIM>(args); }  \
  CARD_KERNEL(mass_##DIM, MassArgs) { mass<DIM>(args); }

LONGFORM_HEADS(32)
LONGFORM_HEADS(64)
LONGFORM_HEADS(96)
LONGFORM_HEADS(128)
LONGFORM_HEADS(256)

#undef LONGFORM_HEADS

}  // namespace longform::card
