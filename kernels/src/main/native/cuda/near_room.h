// Memory of the card where an operation has copies of what lies across the bus and would be read more than once. The next
// operation's copies come after all that reads these, in the order of the calls. For one thread at a time.
#pragma once

#include "card.h"

namespace longform::card {

class NearRoom {
 public:
  // So much is taken when any is wanted, also of what is spared for operations.
  static constexpr int64_t kUsualBytes = int64_t{64} << 20;

  explicit NearRoom(Card &card, int64_t usual_bytes = kUsualBytes) : card_(card), usual_bytes_(usual_bytes) {}
  NearRoom(const NearRoom &) = delete;
  NearRoom &operator=(const NearRoom &) = delete;
  // The card must be idle.
  ~NearRoom() { give_back(); }

  // For one operation; NULL where the card has no room for it.
  char *of(int64_t bytes);
  // Bytes that went. The card must be idle.
  int64_t give_back();

  int64_t usual_bytes() const { return usual_bytes_; }
  int64_t bytes() const { return bytes_; }

 private:
  Card &card_;
  const int64_t usual_bytes_;
  char *memory_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace longform::card
