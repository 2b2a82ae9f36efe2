// Blocks of memory that a card uses, its own or pinned, cut out of slabs. A slab takes the driver up to a millisecond,
// a pinned one longer, and goes back only when the card stands still; a block needs neither. The blocks of a slab are
// of one size, as the pages of a model are, whatever documents they hold.
//
// What a card was asked to do may still write to a block that was given back. Its next owner gets it when all of that
// is done, in the order of the calls, and zeroed if it is the card's own. For one thread at a time.
#pragma once

#include <list>
#include <map>
#include <set>
#include <vector>

#include "card.h"

namespace longform::card {

enum class Lies { kOnCard, kPinned };

class BlockPool {
 public:
  // So much of empty slabs waits for the next blocks of their size.
  static constexpr int64_t kSpareBytes = int64_t{256} << 20;

  explicit BlockPool(Card &card, Lies lies = Lies::kOnCard, int64_t spare_bytes = kSpareBytes)
      : card_(card), lies_(lies), spare_bytes_(spare_bytes) {}
  BlockPool(const BlockPool &) = delete;
  BlockPool &operator=(const BlockPool &) = delete;
  // The card must be idle; all blocks are gone.
  ~BlockPool();

  // Aligned to 256; if it is the card's own zeroed in the order of the calls. Throws CardFull, also where the card would be
  // left with less than operations may need.
  void *take(int64_t bytes);
  // A block of this pool that nobody uses any more.
  void give(void *block);
  // Gives the card empty slabs back, those that are empty longest first, until so much of them is left. Waits
  // for the card if there is any. Bytes that went.
  int64_t trim(int64_t left);

  int64_t empty_bytes() const { return empty_bytes_; }
  // Whether anybody has a block.
  bool in_use() const { return empty_.size() < slabs_.size(); }

 private:
  struct Slab {
    char *memory;
    int64_t bytes;
    int64_t block;  // bytes of each
    int64_t stride; // from one to the next
    int64_t count;
    std::vector<char *> free;
  };

  // All slabs of blocks of one size.
  struct Size {
    int64_t blocks = 0;
    // those of which some blocks are used and some are free: the first in memory is filled first, so that
    // others become empty
    std::set<uintptr_t> open;
  };

  Slab &slab_with_room(int64_t bytes);
  Slab &add_slab(int64_t bytes);
  Slab &slab_of(int64_t bytes, int64_t count);
  char *allocate(int64_t bytes);
  void release(const Slab &slab);

  Card &card_;
  const Lies lies_;
  const int64_t spare_bytes_;
  std::map<uintptr_t, Slab> slabs_; // by where they begin
  std::map<int64_t, Size> sizes_;
  std::list<uintptr_t> empty_; // slabs that have no used block, longest first
  int64_t empty_bytes_ = 0;
};

}  // namespace longform::card
