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

}  // namespace

NearRows::NearRows(Operation &operation, const kernels_kv_layout &layout, bool values)
    : operation_(operation), layout_(layout), near_(layout), values_(values) {
  near_.value_stride = blocks_of(stored_bytes_of_head(layout), 16) * 16;
  near_.head_stride = (values ? 2 : 1) * near_.value_stride;
  near_.row_bytes = layout.kv_heads * near_.head_stride;
}

void NearRows::copy(const ListRow *rows, int64_t count, ListRow *copies, char *room) const {
  NearArgs args = {};
  args.from = rows;
  args.to = copies;
  args.room = room;
  args.groups = 1;
  args.count = count;
  launch(args);
}

void NearRows::copy(const CardSegment &segment, ListRow *rows, int64_t count, char *room) const {
  NearArgs args = {};
  args.from = args.to = rows + segment.first;
  args.room = room;
  args.starts = segment.starts;
  args.groups = segment.groups;
  args.first = segment.first;
  args.count = count;
  launch(args);
}

void NearRows::launch(const NearArgs &args) const {
  NearArgs all = args;
  all.values = values_;
  all.bytes = stored_bytes_of_head(layout_);
  all.layout = layout_;
  all.near = near_;
  Grid grid;
  grid.x = blocks_of(args.count, kNearRows);
  operation_.launch(Kernel::card_near, grid, all);
}

NearPieces::NearPieces(Operation &operation, const kernels_kv_layout &layout, const ListRow *rows, int64_t count,
                       int64_t reads)
    : near_(operation, layout, false), list_(rows), all_(count), rows_(std::max<int64_t>(1, count)) {
  if (!NearRows::wanted(operation, reads)) return;
  NearRoom &place = operation.near_room();
  const int64_t fit = std::clamp<int64_t>(place.usual_bytes() / near_.row_bytes(1), 1, rows_);
  room_ = place.of(fit * near_.row_bytes(1));
  if (room_ == nullptr) return;
  rows_ = fit;
  copies_ = operation.scratch<ListRow>(fit);
}

void NearPieces::turn_to(int64_t piece, TopKeysArgs &args) const {
  args.first = piece * rows_;
  args.items = std::min(rows_, all_ - args.first);
  if (room_ == nullptr) return;
  near_.copy(list_ + args.first, args.items, copies_, room_);
  args.rows = copies_;
  args.layout = near_.layout();
}

}  // namespace longform::card
