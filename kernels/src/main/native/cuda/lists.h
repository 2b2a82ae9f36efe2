// Short lists of one operation. They go to the card together, before a kernel runs that may read them: a copy takes longer
// to begin than to be made.
#pragma once

#include <vector>

#include "card.h"

namespace longform::card {

class Lists {
 public:
  static constexpr int64_t kMostBytes = int64_t{64} << 10;  // of one list
  static constexpr int64_t kBytes = int64_t{256} << 10;

  explicit Lists(Card &card) : card_(card) {}

  bool has_room(int64_t bytes) const { return room_ != nullptr && next() + bytes <= kBytes; }
  // Goes on in so many bytes of the card, kBytes, which stay until the operation ends.
  void begin(char *room);
  // Where the card finds a list, aligned to 256, once it was sent. There is room.
  const void *add(const void *from, int64_t bytes);
  void send();

 private:
  struct Piece {
    int64_t at;
    int64_t bytes;
  };

  // Where the next list begins.
  int64_t next() const;

  Card &card_;
  char *room_ = nullptr;
  std::vector<char> filled_;   // what the room holds, sent or not
  std::vector<Piece> waiting_; // lists that were not sent
};

}  // namespace longform::card
