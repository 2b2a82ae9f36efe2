// The card of the tests: kernels run by emulation.cpp, every piece of memory a block of its own that begins as NaN.
#include <stdlib.h>
#include <string.h>

#include <new>
#include <vector>

#include "card.h"
#include "portable.h"

#include "stored.inl"
#include "rowwise.inl"
#include "matmul.inl"
#include "tiles.inl"
#include "attend.inl"
#include "top_keys.inl"

namespace longform::card {
namespace {

using Entry = void (*)(const void *args);

const Entry kEntries[] = {
#define LONGFORM_CARD_ENTRY(name, Args) [](const void *args) { name(*static_cast<const Args *>(args)); },
    LONGFORM_CARD_KERNELS(LONGFORM_CARD_ENTRY)
#undef LONGFORM_CARD_ENTRY
};

class EmulatedCard : public Card {
 public:
  ~EmulatedCard() override { end(); }

  void *allocate(int64_t bytes) override {
    // of its exact size, so that sanitizers see what is beyond
    void *memory = ::operator new(static_cast<size_t>(bytes));
    memset(memory, 0xff, static_cast<size_t>(bytes));
    return memory;
  }

  void release(void *memory) noexcept override { ::operator delete(memory); }

  void *scratch(int64_t bytes) override {
    scratch_.push_back(allocate(bytes));
    return scratch_.back();
  }

  void end() noexcept override {
    for (void *memory : scratch_) release(memory);
    scratch_.clear();
  }

  void upload(void *to, const void *from, int64_t bytes) override { memcpy(to, from, static_cast<size_t>(bytes)); }
  void download(void *to, const void *from, int64_t bytes) override { memcpy(to, from, static_cast<size_t>(bytes)); }

  void launch(Kernel kernel, const Grid &grid, const void *args) override {
    const int64_t blocks[3] = {grid.x, grid.y, grid.z};
    emulation::run(kEntries[static_cast<int>(kernel)], args, blocks, grid.shared_bytes);
  }

  void wait() override {}
  // few, so that shares of keys are of several tiles
  int64_t processors() const override { return 3; }
  void free_bytes(int64_t *free, int64_t *all) const override { *free = *all = int64_t{1} << 40; }

 private:
  std::vector<void *> scratch_;
};

}  // namespace

int32_t card_count() { return 1; }
std::string card_name(int32_t) { return "an emulated card"; }
std::string card_missing(int32_t card) { return card == 0 ? "" : "there is one emulated card"; }
std::unique_ptr<Card> open_card(int32_t) { return std::make_unique<EmulatedCard>(); }

}  // namespace longform::card
