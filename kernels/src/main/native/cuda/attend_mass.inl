// How much attention each row of a list got, from the largest logits and sums that attend left.

namespace longform::card {

// Of one list: one block for each tile of keys. Sums are in a fixed order.
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

CARD_KERNEL(mass_32, MassArgs) { mass<32>(args); }
CARD_KERNEL(mass_64, MassArgs) { mass<64>(args); }
CARD_KERNEL(mass_96, MassArgs) { mass<96>(args); }
CARD_KERNEL(mass_128, MassArgs) { mass<128>(args); }
CARD_KERNEL(mass_256, MassArgs) { mass<256>(args); }

}  // namespace longform::card
