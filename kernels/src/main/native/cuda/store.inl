// Keys and values as pages hold them: see ../kv_rows.h.

namespace longform::card {

// Blocks: a place, a row of it, keys or values.
CARD_KERNEL(card_store, StoreArgs) {
  const kernels_kv_layout &layout = args.layout;
  const kernels_place place = args.places[block_x()];
  const int64_t row = block_y();
  if (row >= place.count) return;
  const int64_t dim = layout.head_dim, width = layout.kv_heads * dim;
  const float *from = (block_z() == 0 ? args.keys : args.values) + (place.from + row) * width;
  char *to = place.key + block_z() * layout.value_stride + row * layout.row_bytes;
  if (layout.dtype == KERNELS_KV_Q8) {
    const int64_t chunks = (dim + kv::kChunk - 1) / kv::kChunk;
    for (int64_t i = thread_of_block(); i < layout.kv_heads * chunks; i += kThreads) {
      const int64_t head = i / chunks;
      kv::store_chunk_of_bytes(from + head * dim, dim, i % chunks * kv::kChunk, to + head * layout.head_stride);
    }
    return;
  }
  for (int64_t i = thread_of_block(); i < width; i += kThreads) {
    char *head = to + i / dim * layout.head_stride;
    if (layout.dtype == KERNELS_KV_F16) {
      reinterpret_cast<uint16_t *>(head)[i % dim] = kv::to_finite_half(from[i]);
    } else {
      reinterpret_cast<float *>(head)[i % dim] = from[i];
    }
  }
}

}  // namespace longform::card
