#include "lists.h"

#include <string.h>

#include "guard.h"

namespace longform::card {

int64_t Lists::next() const {
  constexpr int64_t kAlignment = 256;
  // with guards something lies behind each
  return (static_cast<int64_t>(filled_.size()) + (kGuards ? 1 : 0) + kAlignment - 1) / kAlignment * kAlignment;
}

void Lists::begin(char *room) {
  send();
  room_ = room;
  filled_.clear();
  guard(room, kBytes);
}

const void *Lists::add(const void *from, int64_t bytes) {
  const int64_t at = next();
  filled_.resize(static_cast<size_t>(at + bytes));
  if (bytes > 0) memcpy(filled_.data() + at, from, static_cast<size_t>(bytes));
  unguard(room_ + at, bytes);
  waiting_.push_back({at, bytes});
  return room_ + at;
}

void Lists::send() {
  if (waiting_.empty()) return;
  if (kGuards) {
    for (const Piece &piece : waiting_) card_.upload(room_ + piece.at, filled_.data() + piece.at, piece.bytes);
  } else {
    const int64_t from = waiting_.front().at;
    card_.upload(room_ + from, filled_.data() + from, static_cast<int64_t>(filled_.size()) - from);
  }
  waiting_.clear();
}

}  // namespace longform::card
