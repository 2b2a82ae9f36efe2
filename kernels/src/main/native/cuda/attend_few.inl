// attend<DIM> of attend.inl for few rows of queries of a list of keys, which is what a step of decode asks. Each warp of a block has
// a share of the keys for itself: a lane has some of the dimensions of every key in registers, turns them and multiplies
// them with those of all rows, and the lanes' sums are added so that each of them ends with one logit. Nothing is shared before
// the warps' answers become one (flash decoding, with warps for its shares).

namespace longform::card {

struct alignas(8) TwoFloats {
  float x, y;
};

// Dimensions d, which is even, and d + 1 of a row, zero beyond the last; one load (and one of a scale) where the row lies so.
CARD TwoFloats kv_two(int64_t dtype, int64_t head_dim, const char *row, int64_t d) {
  const bool whole = d + 2 <= head_dim;
  const uintptr_t at = reinterpret_cast<uintptr_t>(row);
  if (whole && dtype == KERNELS_KV_F16 && at % 4 == 0) {
    const uint32_t both = *reinterpret_cast<const uint32_t *>(row + 2 * d);
    return {half_to_float(static_cast<uint16_t>(both)), half_to_float(static_cast<uint16_t>(both >> 16))};
  }
  if (whole && dtype == KERNELS_KV_Q8 && (at | static_cast<uint64_t>(head_dim)) % 2 == 0) {
    const uint16_t both = *reinterpret_cast<const uint16_t *>(row + d);
    const float scale = half_to_float(*reinterpret_cast<const uint16_t *>(row + head_dim + d / 32 * 2));
    return {scale * static_cast<float>(static_cast<int8_t>(both)), scale * static_cast<float>(static_cast<int8_t>(both >> 8))};
  }
  if (whole && dtype == KERNELS_KV_F32 && at % 8 == 0) return *reinterpret_cast<const TwoFloats *>(row + 4 * d);
  return {d < head_dim ? kv_element(dtype, head_dim, row, d) : 0, d + 1 < head_dim ? kv_element(dtype, head_dim, row, d + 1) : 0};
}

// What a lane has of a head: PAIRS pairs of dimensions that turn together, or would. From two pairs on they are
// neighbours by twos, so that a load has four bytes of float16.
template <int PAIRS>
struct LaneDims {
  float first[PAIRS], second[PAIRS];

  static CARD int64_t pair(int i) {
    const int lane = thread_of_block() % kWarp;
    return PAIRS == 1 ? lane : 2 * lane + i % 2 + i / 2 * 2 * kWarp;
  }

  CARD void load(int64_t dtype, int64_t head_dim, const char *row, int64_t pairs, int64_t interleaved) {
    // neighbours that turn with neighbours; what does not turn lies in turn
    if (PAIRS > 1 && (interleaved != 0 || pairs % 2 == 0)) {
#pragma unroll
      for (int i = 0; i + 1 < PAIRS; i += 2) {
        const int64_t at = pair(i);
        const bool apart = at < pairs && interleaved == 0;
        const TwoFloats p = kv_two(dtype, head_dim, row, apart ? at : 2 * at);
        const TwoFloats q = kv_two(dtype, head_dim, row, apart ? at + pairs : 2 * at + 2);
        first[i] = p.x;
        first[i + 1] = apart ? p.y : q.x;
        second[i] = apart ? q.x : p.y;
        second[i + 1] = q.y;
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
      int64_t a, b;
      pair_at(pair(i), pairs, interleaved, &a, &b);
      first[i] = a < head_dim ? kv_element(dtype, head_dim, row, a) : 0;
      second[i] = b < head_dim ? kv_element(dtype, head_dim, row, b) : 0;
    }
  }

  // angles: cosines and sines of `pairs`
  CARD void turn(const float *angles, int64_t pairs) {
    if (PAIRS > 1 && pairs % 2 == 0 && reinterpret_cast<uintptr_t>(angles) % 16 == 0) {
#pragma unroll
      for (int i = 0; i + 1 < PAIRS; i += 2) {
        if (pair(i) >= pairs) continue;
        const Four both = *reinterpret_cast<const Four *>(angles + 2 * pair(i));
        turn_one(i, both.x, both.y);
        turn_one(i + 1, both.z, both.w);
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < PAIRS; i++) {
      if (pair(i) < pairs) turn_one(i, angles[2 * pair(i)], angles[2 * pair(i) + 1]);
    }
  }

  CARD void turn_one(int i, float cosine, float sine) {
    const float p = first[i];
    first[i] = p * cosine - second[i] * sine;
    second[i] = second[i] * cosine + p * sine;
  }

  CARD float times(const LaneDims &other) const {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < PAIRS; i++) sum = fmaf(first[i], other.first[i], fmaf(second[i], other.second[i], sum));
    return sum;
  }
};

// Each lane has a part of every one of 32 sums; answers the whole of that with the lane's number. Half of the lanes
// take half of the sums, and so on: 31 exchanges, not 160. A template, so that the parts stay in registers.
template <int HALF = kWarp / 2>
CARD float sum_of_lane(float (&parts)[kWarp]) {
  const bool upper = (thread_of_block() & HALF) != 0;
#pragma unroll
  for (int i = 0; i < HALF; i++) {
    const float kept = upper ? parts[i + HALF] : parts[i], given = upper ? parts[i] : parts[i + HALF];
    parts[i] = kept + from_lane(given, HALF);
  }
  if constexpr (HALF > 1) return sum_of_lane<HALF / 2>(parts);
  return parts[0];
}

// A warp's answer so far. A lane's logits are those of row lane % ROWS and every (32 / ROWS)th key.
template <int PAIRS, int ROWS>
struct WarpAnswer {
  static constexpr int kKeys = kWarp / ROWS; // at once

  float largest = kNothing;          // of the lane's row, the same in all its lanes
  float sum = 0;                     // of exponentials, of the lane's keys
  float sums[ROWS][2 * PAIRS] = {};  // of values: dimensions 2 lane and 2 lane + 1, and so on 64 further

  static CARD int row() { return thread_of_block() % ROWS; }
  static CARD int key() { return thread_of_block() % kWarp / ROWS; }
  static CARD int64_t value(int i) { return 2 * (thread_of_block() % kWarp) + i / 2 * 2 * kWarp; }

  // kKeys keys from rows[0] on, or the `left` that are there.
  CARD void add(const AttendArgs &args, const CardSegment &segment, const Asking &asking, const ListRow *rows, int64_t left,
                const TileAngles &angles, int64_t key_offset, const LaneDims<PAIRS> (&queries)[ROWS]) {
    const bool sees = key() < left && asking.sees_row(args, segment, rows[key()]);
    if (!warp_any(sees)) return;
    const kernels_kv_layout &layout = args.layout;
    float parts[kWarp];
#pragma unroll
    for (int k = 0; k < kKeys; k++) {
      // the last key stands for those that are not there, so that nothing waits for a question
      const int at = static_cast<int>(least(k, left - 1));
      LaneDims<PAIRS> dims;
      dims.load(layout.dtype, layout.head_dim, rows[at].key + key_offset, args.pairs, args.interleaved);
      if (args.pairs != 0) dims.turn(angles.of(rows, at), args.pairs);
#pragma unroll
      for (int r = 0; r < ROWS; r++) parts[k * ROWS + r] = dims.times(queries[r]);
    }
    const float logit = logit_of(args, segment, asking, rows, key(), left, sum_of_lane(parts));
    float most = logit;
#pragma unroll
    for (int mask = ROWS; mask < kWarp; mask *= 2) most = fmaxf(most, from_lane(most, mask));
    most = fmaxf(largest, most);
    const float weight = logit == kNothing ? 0 : expf(logit - most);
    const float shrink = largest == most ? 1 : expf(largest - most);
    sum = sum * shrink + weight;
    largest = most;
    mix(layout, rows, left, key_offset + layout.value_stride, weight, shrink);
  }

  // Values times their weights, added to what is there times `shrink`.
  CARD void mix(const kernels_kv_layout &layout, const ListRow *rows, int64_t left, int64_t offset, float weight,
                float shrink) {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const float of_row = of_lane(shrink, r);
#pragma unroll
      for (int i = 0; i < 2 * PAIRS; i++) sums[r][i] *= of_row;
    }
#pragma unroll
    for (int k = 0; k < kKeys; k++) {
      const int at = static_cast<int>(least(k, left - 1));
      float values[2 * PAIRS];
#pragma unroll
      for (int i = 0; i < 2 * PAIRS; i += 2) {
        const TwoFloats two = kv_two(layout.dtype, layout.head_dim, rows[at].key + offset, value(i));
        values[i] = two.x;
        values[i + 1] = two.y;
      }
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        const float p = of_lane(weight, k * ROWS + r);
#pragma unroll
        for (int i = 0; i < 2 * PAIRS; i++) {
          // a value that is no number must not reach queries that do not see it
          if (p != 0) sums[r][i] = fmaf(p, values[i], sums[r][i]);
        }
      }
    }
  }
};

// What the warps of a block have becomes one answer.
template <int PAIRS, int ROWS>
CARD void merge_warps(const AttendArgs &args, const QueryTile &queries, const WarpAnswer<PAIRS, ROWS> &few) {
  constexpr int kWarps = kThreads / kWarp, kDims = 2 * kWarp * PAIRS;
  float *sums = reinterpret_cast<float *>(shared_memory()); // (warps, rows, dimensions)
  float *largest = sums + kWarps * ROWS * kDims;            // (warps, rows)
  float *weights = largest + kWarps * ROWS;                 // (warps, rows): sums of exponentials
  const int warp = thread_of_block() / kWarp;
  float all = few.sum;
#pragma unroll
  for (int mask = ROWS; mask < kWarp; mask *= 2) all += from_lane(all, mask);
  if (few.key() == 0) {
    largest[warp * ROWS + few.row()] = few.largest;
    weights[warp * ROWS + few.row()] = all;
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
#pragma unroll
    for (int i = 0; i < 2 * PAIRS; i++) sums[(warp * ROWS + r) * kDims + few.value(i) + i % 2] = few.sums[r][i];
  }
  block_barrier();
  for (int row = 0; row < ROWS && row < queries.count(); row++) {
    float most = kNothing, scale[kWarps], sum = 0;
    for (int w = 0; w < kWarps; w++) most = fmaxf(most, largest[w * ROWS + row]);
#pragma unroll
    for (int w = 0; w < kWarps; w++) {
      // a warp without a key has no largest logit
      scale[w] = weights[w * ROWS + row] == 0 ? 0 : expf(largest[w * ROWS + row] - most);
      sum = fmaf(weights[w * ROWS + row], scale[w], sum);
    }
    const int64_t place = partial_row(args, queries, row);
    for (int64_t d = thread_of_block(); d < args.layout.head_dim; d += kThreads) {
      float mixed = 0;
#pragma unroll
      for (int w = 0; w < kWarps; w++) mixed = fmaf(sums[(w * ROWS + row) * kDims + d], scale[w], mixed);
      args.partial[place * args.layout.head_dim + d] = mixed;
    }
    if (thread_of_block() == 0) {
      args.largest[place] = most;
      args.sums[place] = sum;
    }
  }
}

template <int PAIRS, int ROWS>
CARD void attend_few(const AttendArgs &args) {
  using Few = WarpAnswer<PAIRS, ROWS>;
  const AttendPlace at = attend_place<ROWS>(args);
  const Asking asking = Asking::of(at.queries, Few::row());
  const int64_t offset = at.kv_head * args.layout.head_stride;
  Few few;
  int64_t before = 0;
  for (int64_t s = 0; s < args.segment_count; s++) {
    const CardSegment &segment = args.segments[s];
    const ListPart part = part_of_list(args, segment, at, &before);
    if (part.first >= part.last) continue;
    LaneDims<PAIRS> queries[ROWS] = {};
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      if (r >= at.queries.count()) continue;
      const float *query = at.queries.query(segment.queries, args.heads, args.layout.head_dim, r);
      queries[r].load(KERNELS_KV_F32, args.layout.head_dim, reinterpret_cast<const char *>(query), args.pairs,
                      args.interleaved);
    }
    const int64_t end = least(part.list_end, part.list + part.last * kTileKeys);
    const int64_t warp = thread_of_block() / kWarp;
    for (int64_t from = part.list + part.first * kTileKeys + warp * Few::kKeys; from < end;
         from += kThreads / kWarp * Few::kKeys) {
      few.add(args, segment, asking, args.rows + from, end - from, tile_angles(args, segment, from, part.variant), offset,
              queries);
    }
  }
  merge_warps(args, at.queries, few);
}

#define LONGFORM_FEW(ROWS, SIZE)                                                                            \
  CARD_KERNEL_BESIDE(attend_few_##ROWS##_##SIZE, AttendArgs, (few_attend_blocks(ROWS, SIZE))) {             \
    attend_few<SIZE / 64, ROWS>(args);                                                                      \
  }

LONGFORM_FEW(4, 64)
LONGFORM_FEW(4, 128)
LONGFORM_FEW(4, 256)
LONGFORM_FEW(8, 64)
LONGFORM_FEW(8, 128)
LONGFORM_FEW(8, 256)

#undef LONGFORM_FEW

}  // namespace longform::card
