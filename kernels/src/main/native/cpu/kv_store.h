// Storing keys and values in pages of a cache.
#pragma once

#include "../kv_rows.h"
#include "pool.h"

namespace longform {

struct KvStore {
  const kernels_kv_layout &layout;
  const float *keys;
  const float *values;
  const kernels_place *places;
  int64_t count;

  // keys (part 0) or values (part 1) of one place
  void store(const kernels_place &place, int64_t part) const {
    const int64_t width = layout.kv_heads * layout.head_dim;
    const float *rows = (part == 0 ? keys : values) + place.from * width;
    for (int64_t g = 0; g < layout.kv_heads; g++) {
      char *to = place.key + g * layout.head_stride + part * layout.value_stride;
      for (int64_t i = 0; i < place.count; i++) {
        kv::store_row(layout.dtype, rows + i * width + g * layout.head_dim, layout.head_dim, to + i * layout.row_bytes);
      }
    }
  }

  static void piece(const void *job, int64_t piece, Arena &) {
    const KvStore &all = *static_cast<const KvStore *>(job);
    all.store(all.places[piece / 2], piece % 2);
  }

  void run(Pool &pool) const {
    if (count > 1) {
      pool.run(2 * count, piece, this);
      return;
    }
    // a page at most: less than waking a helper
    for (int64_t i = 0; i < 2 * count; i++) store(places[i / 2], i % 2);
  }
};

}  // namespace longform
