// Rows of lists that are copied to the card since they may lie in pinned memory, and more than one block reads them: what
// crosses the bus is in no cache. See near.inl.
#pragma once

#include "card_device.h"

namespace longform::card {

class NearRows {
 public:
  // Whether keys that are read so often are to be copied before.
  static bool wanted(Operation &operation, int64_t times) { return times > 1 && operation.uses_pinned(); }

  NearRows(Operation &operation, const kernels_kv_layout &layout, bool values);

  // How the copies lie; from a row to the next only where one list is all heads'.
  const kernels_kv_layout &layout() const { return near_; }
  // Of a row of one of so many lists.
  int64_t row_bytes(int64_t groups) const { return groups == 1 ? near_.row_bytes : near_.head_stride; }

  // Rows of one list for all heads, up to what there is room for.
  void copy(const ListRow *rows, int64_t count, ListRow *copies, char *room) const;
  // Of the lists of a segment, in their place: there may be fewer than `count`.
  void copy(const CardSegment &segment, ListRow *rows, int64_t count, char *room) const;

 private:
  void launch(const NearArgs &args) const;

  Operation &operation_;
  const kernels_kv_layout layout_;
  kernels_kv_layout near_;
  const bool values_;
};

}  // namespace longform::card
