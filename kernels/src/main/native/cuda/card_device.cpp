#include "card_device.h"

#include <algorithm>
#include <vector>

#include "../cpu/formats.h"
#include "moved_runs.h"
#include "sizes.h"

namespace longform::card {

CardDevice::~CardDevice() {
  try {
    wait();
  } catch (const CardLost &) {
    // nothing of it will be read
  }
  for (const auto &memory : held_) {
    if (memory.second.pool == nullptr) card_->release(reinterpret_cast<void *>(memory.first));
  }
}

void CardDevice::leave_library() {
  if (units_ == Units::kLibrary) units_ = Units::kTensorCores;
}

template <typename Take>
void *CardDevice::taken(int64_t bytes, BlockPool *pool, Take take) {
  void *memory = nullptr;
  try {
    memory = take();
  } catch (const CardFull &) {
    card_->wait();
    const int64_t more = pool == &pinned_
                             ? pinned_.trim(0)
                             : blocks_.trim(0) + card_->shrink() + near_.give_back() + angles_.give_back();
    if (more == 0) throw;
    memory = take();
  }
  std::lock_guard<std::mutex> map(map_);
  held_[reinterpret_cast<uintptr_t>(memory)] = {bytes, pool};
  return memory;
}

void *CardDevice::allocate(int64_t bytes) {
  std::lock_guard<std::mutex> lock(busy_);
  return taken(bytes, nullptr, [&] { return card_->allocate(bytes); });
}

void *CardDevice::take(int64_t bytes) {
  std::lock_guard<std::mutex> lock(busy_);
  void *memory = taken(bytes, &blocks_, [&] { return blocks_.take(bytes); });
  pending_ = true; // it is being zeroed
  return memory;
}

void *CardDevice::take_pinned(int64_t bytes) {
  std::lock_guard<std::mutex> lock(busy_);
  return taken(bytes, &pinned_, [&] { return pinned_.take(bytes); });
}

void CardDevice::free_bytes(int64_t *free, int64_t *all) {
  std::lock_guard<std::mutex> lock(busy_);
  card_->free_bytes(free, all);
  *free += blocks_.empty_bytes() + near_.bytes() + angles_.bytes();
}

void CardDevice::wait() {
  if (!pending_) return;
  card_->wait();
  pending_ = false;
}

void CardDevice::finish() {
  // what this thread asked for, or another one before it told this one, is seen here
  if (!pending_) return;
  std::lock_guard<std::mutex> lock(busy_);
  wait();
}

void CardDevice::release(void *memory) {
  std::lock_guard<std::mutex> lock(busy_);
  BlockPool *pool = nullptr;
  {
    std::lock_guard<std::mutex> map(map_);
    const auto found = held_.find(reinterpret_cast<uintptr_t>(memory));
    if (found == held_.end()) return;
    pool = found->second.pool;
    held_.erase(found);
  }
  if (pool != nullptr) {
    // whoever gets the block next gets it after all that was asked for before
    pool->give(memory);
  } else {
    wait();
    card_->release(memory);
  }
}

bool CardDevice::holds(const void *address) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(address);
  std::lock_guard<std::mutex> map(map_);
  auto after = held_.upper_bound(at);
  if (after == held_.begin()) return false;
  --after;
  return at < after->first + static_cast<uintptr_t>(after->second.bytes);
}

void CardDevice::copy(void *to, const void *from, int64_t bytes) {
  if (bytes == 0) return;
  Operation operation(*this);
  if (holds(to) == holds(from)) throw NotHere("not one end of a copy is on the card and one on the host");
  if (holds(to)) {
    pending_ = true;
    operation.card().upload(to, from, bytes);
  } else {
    operation.card().download(to, from, bytes);
    pending_ = false;
  }
}

void CardDevice::copy_within(const kernels_piece *pieces, int64_t count) {
  // where a piece that is read first lies until all are read
  constexpr int64_t kStep = 16;
  int64_t bytes = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!holds(pieces[i].from) || !holds(pieces[i].to)) throw NotHere("a piece to be copied is on the host");
    bytes += blocks_of(pieces[i].bytes, kStep) * kStep;
  }
  if (bytes == 0) return;
  Operation operation(*this);
  if (count == 1 && (pieces->to >= pieces->from + pieces->bytes || pieces->from >= pieces->to + pieces->bytes)) {
    operation.copy(pieces->to, pieces->from, pieces->bytes);
    return;
  }
  char *between = operation.scratch<char>(bytes);
  std::vector<kernels_piece> read(pieces, pieces + count), written = read;
  for (size_t i = 0; i < read.size(); i++) {
    read[i].to = between;
    written[i].from = between;
    between += blocks_of(read[i].bytes, kStep) * kStep;
  }
  Grid grid;
  grid.x = count;
  operation.launch(Kernel::card_copy, grid, CopyArgs{operation.in(read.data(), count)});
  operation.launch(Kernel::card_copy, grid, CopyArgs{operation.in(written.data(), count)});
}

void CardDevice::gather(const void *table, int32_t dtype, int64_t inner, const int32_t *ids, int64_t tokens,
                        float *out) {
  if (!holds(table)) throw NotHere("the table is on the host");
  Operation operation(*this);
  GatherArgs args = {};
  args.table = static_cast<const uint8_t *>(table);
  args.ids = operation.in(ids, tokens);
  args.out = operation.out(out, tokens * inner);
  args.dtype = dtype;
  args.inner = inner;
  args.row_bytes = stored_bytes(dtype, inner);
  Grid grid;
  grid.x = tokens;
  operation.launch(Kernel::card_gather, grid, args);
  operation.finish(out, args.out, tokens * inner);
}

void CardDevice::add(float *x, const float *y, int64_t elements, int64_t width) {
  Operation operation(*this);
  AddArgs args = {const_cast<float *>(operation.in(x, elements)), operation.in(y, width), elements, width};
  Grid grid;
  grid.x = blocks_of(elements, kThreads);
  operation.launch(Kernel::card_add, grid, args);
  operation.finish(x, args.x, elements);
}

void CardDevice::rms_norm(const float *x, const float *gain, double epsilon, int64_t tokens, int64_t inner,
                          float *out) {
  Operation operation(*this);
  RmsNormArgs args = {operation.in(x, tokens * inner), operation.in(gain, inner), epsilon, inner,
                      operation.out(out, tokens * inner)};
  Grid grid;
  grid.x = tokens;
  grid.shared_bytes = kThreads / kWarp * static_cast<int64_t>(sizeof(double));
  operation.launch(Kernel::card_rms_norm, grid, args);
  operation.finish(out, args.out, tokens * inner);
}

void CardDevice::center(const float *x, int64_t tokens, int64_t inner, float *out) {
  Operation operation(*this);
  CenterArgs args = {operation.in(x, tokens * inner), inner, operation.out(out, tokens * inner)};
  Grid grid;
  grid.x = tokens;
  grid.shared_bytes = kThreads / kWarp * static_cast<int64_t>(sizeof(double));
  operation.launch(Kernel::card_center, grid, args);
  operation.finish(out, args.out, tokens * inner);
}

void CardDevice::multiply(float *x, const float *y, int64_t elements) {
  Operation operation(*this);
  MultiplyArgs args = {const_cast<float *>(operation.in(x, elements)), operation.in(y, elements), elements};
  Grid grid;
  grid.x = blocks_of(elements, kThreads);
  operation.launch(Kernel::card_multiply, grid, args);
  operation.finish(x, args.x, elements);
}

void CardDevice::map(int32_t function, float parameter, float *x, int64_t elements) {
  Operation operation(*this);
  MapArgs args = {const_cast<float *>(operation.in(x, elements)), elements, function, parameter};
  Grid grid;
  grid.x = blocks_of(elements, kThreads);
  operation.launch(Kernel::card_map, grid, args);
  operation.finish(x, args.x, elements);
}

void CardDevice::store(const kernels_kv_layout &layout, const float *keys, const float *values,
                       const kernels_place *places, int64_t count) {
  int64_t tokens = 0, most = 0;
  for (int64_t i = 0; i < count; i++) {
    tokens = std::max(tokens, places[i].from + places[i].count);
    most = std::max(most, places[i].count);
  }
  Operation operation(*this);
  const int64_t width = layout.kv_heads * layout.head_dim;
  StoreArgs args = {operation.in(keys, tokens * width), operation.in(values, tokens * width),
                    operation.in(places, count), layout};
  Grid grid;
  grid.x = count;
  grid.y = most;
  grid.z = 2;
  operation.launch(Kernel::card_store, grid, args);
}

void CardDevice::swi_glu(float *gate, const float *up, int64_t elements) {
  Operation operation(*this);
  SwiGluArgs args = {const_cast<float *>(operation.in(gate, elements)), operation.in(up, elements), elements};
  Grid grid;
  grid.x = blocks_of(elements, kThreads);
  operation.launch(Kernel::card_swi_glu, grid, args);
  operation.finish(gate, args.gate, elements);
}

std::vector<kernels_run> runs_on_card(Operation &operation, const kernels_kv_layout &layout, const kernels_run *runs,
                                      int64_t count) {
  return moved_runs(
      layout, runs, count, [&](const char *key) { return !operation.holds(key); },
      [&](const char *from, int64_t bytes) { return operation.in(from, bytes); });
}

namespace {

int64_t size_of_heads(int64_t head_dim) {
  int64_t size = 0;
  while (size < kHeadSizeCount && kHeadSizes[size] < head_dim) size++;
  if (size == kHeadSizeCount) throw NotHere("heads of more than 256 dimensions");
  return size;
}

}  // namespace

Kernel kernel_of_heads(Kernel first, int64_t head_dim) {
  return static_cast<Kernel>(static_cast<int64_t>(first) + size_of_heads(head_dim));
}

int64_t tile_bytes(int64_t head_dim) { return bytes_of_tiles(kHeadSizes[size_of_heads(head_dim)]); }

}  // namespace longform::card
