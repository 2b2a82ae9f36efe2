#include "near_room.h"

#include <algorithm>
#include <utility>

namespace longform::card {

char *NearRoom::of(int64_t bytes) {
  if (bytes <= bytes_) return memory_;
  const int64_t wanted = std::max(bytes, usual_bytes_);
  int64_t free = 0, all = 0;
  card_.free_bytes(&free, &all);
  if (wanted > usual_bytes_ && wanted > free + bytes_ - card_.spared_bytes()) return nullptr;
  card_.wait();
  give_back();
  try {
    memory_ = static_cast<char *>(card_.allocate(wanted));
  } catch (const CardFull &) {
    return nullptr;
  }
  bytes_ = wanted;
  return memory_;
}

int64_t NearRoom::give_back() {
  if (memory_ != nullptr) card_.release(std::exchange(memory_, nullptr));
  return std::exchange(bytes_, 0);
}

}  // namespace longform::card
