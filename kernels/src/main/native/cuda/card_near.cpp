#include "card_near.h"

#include <algorithm>

#include "sizes.h"

namespace longform::card {
namespace {

// Of a key or a value of one head.
int64_t stored_bytes_of_head(const kernels_kv_layout &layout) {
  switch (layout.dtype) {
    case KERNELS_KV_F32: return 4 * layout.head_dim;
    case KERNELS_KV_F16: return 2 * layout.head_dim;
    default: return layout.head_dim + blocks_of(layout.head_dim, 32) * 2;
  }
}

Grid grid_of(int64_t rows) {
  Grid grid;
  grid.x = blocks_of(rows, kNearRows);
  return grid;
}

}  // namespace

NearRows::NearRows(Operation &operation, const kernels_kv_layout &layout, bool values)
    : operation_(operation), layout_(layout), near_(layout), values_(values) {
  near_.value_stride = blocks_of(stored_bytes_of_head(layout), 16) * 16;
  near_.head_stride = (values ? 2 : 1) * near_.value_stride;
  near_.row_bytes = layout.kv_heads * near_.head_stride;
}

NearArgs NearRows::args(ListRow *copies, int64_t count, char *room) const {
  NearArgs all = {};
  all.from = all.to = copies;
  all.room = room;
  all.groups = 1;
  all.count = count;
  all.values = values_;
  all.bytes = stored_bytes_of_head(layout_);
  all.layout = layout_;
  all.near = near_;
  return all;
}

void NearRows::copy_ahead(const ListRow *rows, int64_t count, ListRow *copies, char *room) const {
  NearArgs all = args(copies, count, room);
  all.from = rows;
  operation_.launch_ahead(Kernel::card_near, grid_of(count), all);
}

void NearRows::copy(const CardSegment &segment, ListRow *rows, int64_t count, char *room) const {
  NearArgs all = args(rows + segment.first, count, room);
  all.starts = segment.starts;
  all.groups = segment.groups;
  all.first = segment.first;
  operation_.launch(Kernel::card_near, grid_of(count), all);
}

NearPieces::NearPieces(Operation &operation, const kernels_kv_layout &layout, const ListRow *rows, int64_t count,
                       int64_t reads)
    : operation_(operation), near_(operation, layout, false), list_(rows), all_(count),
      rows_(std::max<int64_t>(1, count)) {
  if (!NearRows::wanted(operation, reads)) return;
  NearRoom &place = operation.near_room();
  const int64_t fit = std::clamp<int64_t>(place.usual_bytes() / 2 / near_.row_bytes(1), 1, rows_);
  room_ = place.of(2 * fit * near_.row_bytes(1));
  if (room_ == nullptr) return;
  rows_ = fit;
  copies_ = operation.scratch<ListRow>(2 * fit);
}

void NearPieces::turn_to(int64_t piece, TopKeysArgs &args) const {
  args.first = piece * rows_;
  args.items = items(piece);
  if (room_ == nullptr) return;
  if (piece == 0) copy_ahead(piece);
  operation_.wait_for_ahead();
  // what has read the place of the next one was launched before this one's turn
  if (piece + 1 < count()) copy_ahead(piece + 1);
  args.rows = copies(piece);
  args.layout = near_.layout();
}

void NearPieces::copy_ahead(int64_t piece) const {
  near_.copy_ahead(list_ + piece * rows_, items(piece), copies(piece), room(piece));
}

}  // namespace longform::card
