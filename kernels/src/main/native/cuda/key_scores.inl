// Scores of listed keys: what a search asks that looks at a few keys of each chunk. Heads list keys of their own, but
// a key of one number is turned to the same position for all of them.

namespace longform::card {

// One thread for each pair of each number.
CARD_KERNEL(key_angles, KeyScoresArgs) {
  const int64_t i = element_of_grid();
  if (i >= args.count * args.pairs) return;
  const Angle angle = angle_of(args.positions[i / args.pairs] * args.frequencies[i % args.pairs], args.factor);
  args.angles[2 * i] = angle.cosine;
  args.angles[2 * i + 1] = angle.sine;
}

// One warp for each key of a head: a lane has every 32nd pair of dimensions of it.
CARD_KERNEL(key_scores, KeyScoresArgs) {
  constexpr int kPairs = kHeadSizes[kHeadSizeCount - 1] / 2 / kWarp;
  const int64_t number = block_x() * (kThreads / kWarp) + thread_of_block() / kWarp;
  if (number >= args.heads * args.count) return;
  const int64_t head = number / args.count, place = number % args.count, head_dim = args.layout.head_dim;
  const int64_t kv_head = head / (args.heads / args.layout.kv_heads);
  const char *key = args.keys[number].key + kv_head * args.layout.head_stride;
  const int lane = thread_of_block() % kWarp;
  float first[kPairs], second[kPairs];
#pragma unroll
  for (int i = 0; i < kPairs; i++) {
    int64_t a, b;
    const int64_t pair = lane + i * kWarp;
    pair_at(pair, args.pairs, args.interleaved, &a, &b);
    const float x = a < head_dim ? kv_element(args.layout.dtype, head_dim, key, a) : 0;
    const float y = b < head_dim ? kv_element(args.layout.dtype, head_dim, key, b) : 0;
    first[i] = x;
    second[i] = y;
    if (pair < args.pairs) {
      const float *angle = args.angles + 2 * (place * args.pairs + pair);
      first[i] = x * angle[0] - y * angle[1];
      second[i] = y * angle[0] + x * angle[1];
    }
  }
  float best = kNothing;
  for (int64_t q = 0; q < args.query_count; q++) {
    const float *query = args.queries + (q * args.heads + head) * head_dim;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kPairs; i++) {
      int64_t a, b;
      pair_at(lane + i * kWarp, args.pairs, args.interleaved, &a, &b);
      if (a < head_dim) sum = fmaf(query[a], first[i], sum);
      if (b < head_dim) sum = fmaf(query[b], second[i], sum);
    }
    sum = warp_sum(sum);
    // false for what is no number
    if (sum > best) best = sum;
  }
  if (lane == 0) args.scores[number] = best;
}

}  // namespace longform::card
