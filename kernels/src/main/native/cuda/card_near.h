// Rows of lists that are copied to the card since they may lie in pinned memory, and more than one block reads them: what
// crosses the bus is in no cache. See near.inl.
#pragma once

#include <algorithm>

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

  // Rows of one list for all heads, ahead.
  void copy_ahead(const ListRow *rows, int64_t count, ListRow *copies, char *room) const;
  // Of the lists of a segment, in their place: there may be fewer than `count`.
  void copy(const CardSegment &segment, ListRow *rows, int64_t count, char *room) const;

 private:
  NearArgs args(ListRow *copies, int64_t count, char *room) const;

  Operation &operation_;
  const kernels_kv_layout layout_;
  kernels_kv_layout near_;
  const bool values_;
};

// Candidates of a search piece by piece: all of them where they lie, or, if their keys are read so often that they are
// copied, as many at a time as there is room for twice: one piece crosses the bus while the one before is scored.
class NearPieces {
 public:
  NearPieces(Operation &operation, const kernels_kv_layout &layout, const ListRow *rows, int64_t count, int64_t reads);

  // Rows of a piece, and pieces.
  int64_t rows() const { return rows_; }
  int64_t count() const { return blocks_of(all_, rows_); }

  // The kernels that are launched with these arguments next score this piece. From the first piece to the last, in turn.
  void turn_to(int64_t piece, TopKeysArgs &args) const;

 private:
  int64_t items(int64_t piece) const { return std::min(rows_, all_ - piece * rows_); }
  void copy_ahead(int64_t piece) const;
  // Pieces lie in two places by turns.
  ListRow *copies(int64_t piece) const { return copies_ + piece % 2 * rows_; }
  char *room(int64_t piece) const { return room_ + piece % 2 * rows_ * near_.row_bytes(1); }

  Operation &operation_;
  const NearRows near_;
  const ListRow *const list_;
  const int64_t all_;
  int64_t rows_;
  char *room_ = nullptr; // or NULL if keys are read where they lie
  ListRow *copies_ = nullptr;
};

}  // namespace longform::card
