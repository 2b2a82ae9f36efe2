// Rows that lie across the bus, copied to the card before several blocks read them: row after row, of each the keys of its
// heads, each with its value where that is wanted. A list of one key head's rows has no other head's.

namespace longform::card {

// The key head of a row of one of several lists.
CARD int64_t head_of_list(const NearArgs &args, int64_t row) {
  int64_t group = 0;
  while (args.starts[group + 1] - args.first <= row) group++;
  return group * args.layout.kv_heads / args.groups;
}

// `to` is aligned; up to 16 bytes.
CARD void copy_sixteen(const char *from, int64_t bytes, char *to) {
  const uint64_t odd = reinterpret_cast<uintptr_t>(from) | static_cast<uint64_t>(bytes);
  if (odd % 16 == 0) {
    *reinterpret_cast<SixteenBytes *>(to) = *reinterpret_cast<const SixteenBytes *>(from);
  } else if (odd % 4 == 0) {
    for (int64_t i = 0; i < bytes / 4; i++) {
      reinterpret_cast<uint32_t *>(to)[i] = reinterpret_cast<const uint32_t *>(from)[i];
    }
  } else {
    for (int64_t i = 0; i < bytes; i++) to[i] = from[i];
  }
}

// One block for a few rows.
CARD_KERNEL(card_near, NearArgs) {
  const int64_t begin = block_x() * kNearRows;
  // there is room for more rows than a card chose
  const int64_t all = args.starts == nullptr ? args.count : args.starts[args.groups] - args.first;
  const int64_t rows = least(kNearRows, all - begin);
  if (rows <= 0) return;
  const int64_t heads = args.groups == 1 ? args.layout.kv_heads : 1, kinds = args.values != 0 ? 2 : 1;
  const int64_t pitch = args.near.value_stride, row_bytes = heads * kinds * pitch;
  for (int64_t i = thread_of_block(); i < rows * (row_bytes / 16); i += kThreads) {
    const int64_t row = begin + i / (row_bytes / 16), at = i % (row_bytes / 16) * 16;
    const int64_t part = at / pitch, head = (args.groups == 1 ? 0 : head_of_list(args, row)) + part / kinds;
    const char *from = args.from[row].key + head * args.layout.head_stride + part % kinds * args.layout.value_stride;
    // what makes a key's bytes a multiple of 16 is nobody's
    copy_sixteen(from + at % pitch, least(16, args.bytes - at % pitch), args.room + row * row_bytes + at);
  }
  // `to` may be `from`
  block_barrier();
  const int64_t row = begin + thread_of_block();
  if (thread_of_block() >= rows) return;
  ListRow near = args.from[row];
  const int64_t head = args.groups == 1 ? 0 : head_of_list(args, row);
  near.key = args.room + (row * row_bytes - head * args.near.head_stride);
  args.to[row] = near;
}

}  // namespace longform::card
