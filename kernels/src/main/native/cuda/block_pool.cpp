#include "block_pool.h"

#include <algorithm>

#include "guard.h"

namespace longform::card {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kLeastSlab = int64_t{64} << 10;
constexpr int64_t kMostSlab = int64_t{64} << 20;

int64_t rounded(int64_t bytes, int64_t to) { return (bytes + to - 1) / to * to; }

// From one block to the next. Sanitizers see who reads beyond a block: something lies behind each.
int64_t stride_of(int64_t bytes) {
  return rounded(kGuards ? bytes + 1 : bytes, kAlignment);
}

uintptr_t place(const void *memory) { return reinterpret_cast<uintptr_t>(memory); }

}  // namespace

BlockPool::~BlockPool() {
  for (const auto &slab : slabs_) release(slab.second);
}

void *BlockPool::take(int64_t bytes) {
  bytes = std::max<int64_t>(bytes, 1);
  Slab &slab = slab_with_room(bytes);
  char *block = slab.free.back();
  if (lies_ == Lies::kOnCard) card_.zero(block, bytes);
  if (static_cast<int64_t>(slab.free.size()) == slab.count) {
    empty_.remove(place(slab.memory));
    empty_bytes_ -= slab.bytes;
  }
  slab.free.pop_back();
  std::set<uintptr_t> &open = sizes_[bytes].open;
  if (slab.free.empty()) {
    open.erase(place(slab.memory));
  } else {
    open.insert(place(slab.memory));
  }
  return block;
}

void BlockPool::give(void *block) {
  Slab &slab = std::prev(slabs_.upper_bound(place(block)))->second;
  slab.free.push_back(static_cast<char *>(block));
  std::set<uintptr_t> &open = sizes_[slab.block].open;
  if (static_cast<int64_t>(slab.free.size()) < slab.count) {
    open.insert(place(slab.memory));
    return;
  }
  open.erase(place(slab.memory));
  empty_.push_back(place(slab.memory));
  empty_bytes_ += slab.bytes;
  trim(spare_bytes_);
}

int64_t BlockPool::trim(int64_t left) {
  if (empty_bytes_ <= left) return 0;
  card_.wait();
  const int64_t before = empty_bytes_;
  while (empty_bytes_ > left) {
    const auto found = slabs_.find(empty_.front());
    const Slab &slab = found->second;
    const auto size = sizes_.find(slab.block);
    size->second.blocks -= slab.count;
    if (size->second.blocks == 0) sizes_.erase(size);
    empty_bytes_ -= slab.bytes;
    empty_.pop_front();
    release(slab);
    slabs_.erase(found);
  }
  return before - empty_bytes_;
}

BlockPool::Slab &BlockPool::slab_with_room(int64_t bytes) {
  const auto size = sizes_.find(bytes);
  if (size == sizes_.end()) return add_slab(bytes);
  if (!size->second.open.empty()) return slabs_.at(*size->second.open.begin());
  for (uintptr_t at : empty_) {
    Slab &slab = slabs_.at(at);
    if (slab.block == bytes) return slab;
  }
  return add_slab(bytes);
}

// As many blocks as there are of this size already: what never gets many takes little, and what grows takes few slabs.
BlockPool::Slab &BlockPool::add_slab(int64_t bytes) {
  const int64_t stride = stride_of(bytes);
  const auto size = sizes_.find(bytes);
  const int64_t blocks = size == sizes_.end() ? 0 : size->second.blocks;
  const int64_t count = std::max<int64_t>(1, std::min(std::max(blocks, kLeastSlab / stride), kMostSlab / stride));
  try {
    return slab_of(bytes, count);
  } catch (const CardFull &) {
    if (count == 1) throw;
    return slab_of(bytes, 1);
  }
}

BlockPool::Slab &BlockPool::slab_of(int64_t bytes, int64_t count) {
  const int64_t stride = stride_of(bytes);
  char *memory = allocate(stride * count);
  Slab &slab = slabs_[place(memory)];
  slab = {memory, stride * count, bytes, stride, count, {}};
  // from the last on: the first is taken first
  for (int64_t i = count; i-- > 0;) {
    char *block = memory + i * stride;
    slab.free.push_back(block);
    guard(block + bytes, stride - bytes);
  }
  sizes_[bytes].blocks += count;
  empty_.push_back(place(memory));
  empty_bytes_ += slab.bytes;
  return slab;
}

char *BlockPool::allocate(int64_t bytes) {
  if (lies_ == Lies::kPinned) return static_cast<char *>(card_.allocate_pinned(bytes));
  int64_t free = 0, all = 0;
  card_.free_bytes(&free, &all);
  if (bytes > free - card_.spared_bytes()) {
    throw CardFull("the card has no room for " + std::to_string(bytes) + " bytes (" + std::to_string(free) + " of " +
                   std::to_string(all) + " are free, " + std::to_string(card_.spared_bytes()) +
                   " are kept for operations)");
  }
  return static_cast<char *>(card_.allocate(bytes));
}

void BlockPool::release(const Slab &slab) {
  unguard(slab.memory, slab.bytes);
  if (lies_ == Lies::kPinned) {
    card_.release_pinned(slab.memory);
  } else {
    card_.release(slab.memory);
  }
}

}  // namespace longform::card
