// The card of the tests: kernels run by emulation.cpp, in memory that only they may touch. Nothing is done before
// somebody waits for it: whoever takes an answer that nobody waited for has none. What is launched ahead is done as early or
// as late as its order allows, by chance.
#include <stdlib.h>
#include <string.h>

#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <random>
#include <vector>

#include "card.h"
#include "emulated_memory.h"
#include "portable.h"
#include "mma.h"
#include "../kv_rows.h"
#include "../sketch.h"

#include "stored.inl"
#include "rowwise.inl"
#include "store.inl"
#include "copy.inl"
#include "matmul.inl"
#include "split.inl"
#include "matmul_cores.inl"
#include "mma.inl"
#include "tiles.inl"
#include "attend.inl"
#include "attend_few.inl"
#include "near.inl"
#include "attend_cores.inl"
#include "attend_mass.inl"
#include "top_keys.inl"
#include "key_tiles.inl"
#include "top_keys_cores.inl"
#include "sketch.inl"
#include "sketched_keys.inl"
#include "votes.inl"
#include "spans.inl"
#include "key_scores.inl"

namespace longform::card {
namespace {

using Entry = void (*)(const void *args);

const Entry kEntries[] = {
#define LONGFORM_CARD_ENTRY(name, Args) [](const void *args) { name(*static_cast<const Args *>(args)); },
    LONGFORM_CARD_KERNELS(LONGFORM_CARD_ENTRY)
#undef LONGFORM_CARD_ENTRY
};

const size_t kArgumentBytes[] = {
#define LONGFORM_CARD_BYTES(name, Args) sizeof(Args),
    LONGFORM_CARD_KERNELS(LONGFORM_CARD_BYTES)
#undef LONGFORM_CARD_BYTES
};

float wide(int64_t dtype, const void *from, int64_t i) {
  const uint16_t bits = static_cast<const uint16_t *>(from)[i];
  return dtype == KERNELS_F16 ? half_to_float(bits) : bits_to_float(static_cast<uint32_t>(bits) << 16);
}

void multiply_now(const Gemm &gemm) {
  for (int64_t row = 0; row < gemm.rows; row++) {
    for (int64_t column = 0; column < gemm.outer; column++) {
      float sum = 0;
      for (int64_t from = 0; from < gemm.inner; from += 8) {
        double products[8];
        for (int64_t i = 0; i < 8; i++) {
          products[i] = static_cast<double>(wide(gemm.dtype, gemm.x, row * gemm.x_stride + from + i)) *
                        static_cast<double>(wide(gemm.dtype, gemm.w, column * gemm.w_stride + from + i));
        }
        sum = emulation::add_cut(sum, products);
      }
      gemm.out[row * gemm.out_stride + column] = sum;
    }
  }
}

// Bytes as they are now.
std::shared_ptr<unsigned char> kept(const void *from, size_t bytes) {
  std::shared_ptr<unsigned char> copy(static_cast<unsigned char *>(::operator new(bytes)),
                                      [](unsigned char *memory) { ::operator delete(memory); });
  memcpy(copy.get(), from, bytes);
  return copy;
}

class EmulatedCard : public Card {
 public:
  ~EmulatedCard() override {
    end();
    wait();
  }

  void *allocate(int64_t bytes) override { return memory_.allocate(bytes); }

  void release(void *memory) noexcept override { memory_.release(memory); }

  // the card's, too: the host cannot touch it either
  void *allocate_pinned(int64_t bytes) override { return allocate(bytes); }

  void release_pinned(void *memory) noexcept override { release(memory); }

  void *scratch(int64_t bytes) override {
    scratch_.push_back(allocate(bytes));
    return scratch_.back();
  }

  void end() noexcept override {
    for (void *memory : scratch_) queue_.push_back([=] { release(memory); });
    scratch_.clear();
  }

  int64_t shrink() noexcept override { return 0; }

  void upload(void *to, const void *from, int64_t bytes) override {
    const auto copy = kept(from, static_cast<size_t>(bytes));
    queue_.push_back([=] { memcpy(to, copy.get(), static_cast<size_t>(bytes)); });
  }

  void download(void *to, const void *from, int64_t bytes) override {
    wait();
    memory_.read(to, from, bytes);
  }

  void zero(void *memory, int64_t bytes) override {
    queue_.push_back([=] { memset(memory, 0, static_cast<size_t>(bytes)); });
  }

  void copy(void *to, const void *from, int64_t bytes) override {
    queue_.push_back([=] { memcpy(to, from, static_cast<size_t>(bytes)); });
  }

  void launch(Kernel kernel, const Grid &grid, const void *args) override {
    queue_.push_back(running(kernel, grid, args));
  }

  void launch_ahead(Kernel kernel, const Grid &grid, const void *args) override {
    ahead_.push_back({ahead_after_, running(kernel, grid, args)});
    ahead_asked_++;
  }

  void let_ahead_wait() override { ahead_after_ = done_ + static_cast<int64_t>(queue_.size()); }

  void wait_for_ahead() override {
    const int64_t until = ahead_asked_;
    queue_.push_back([=] { work_ahead(until - ahead_done_); });
  }

  // As a library that knows only rows which begin at multiples of 16 bytes, and has a tensor core's sums.
  bool multiplies(const Gemm &gemm) override {
    const bool even = gemm.x_stride % 8 == 0 && gemm.w_stride % 8 == 0 && gemm.inner % 8 == 0;
    return even && reinterpret_cast<uintptr_t>(gemm.x) % 16 == 0 && reinterpret_cast<uintptr_t>(gemm.w) % 16 == 0;
  }

  bool multiply(const Gemm &gemm) override {
    if (!multiplies(gemm)) return false;
    queue_.push_back([=] { multiply_now(gemm); });
    return true;
  }

  void wait() override {
    if (queue_.empty()) return;
    const EmulatedMemory::Open open(memory_);
    work();
  }
  // few, so that shares of keys are of several tiles
  int64_t processors() const override { return 3; }
  // little, so that searches of the tests do not have room for all their scores at once
  int64_t spared_bytes() const override { return int64_t{4} << 20; }
  // as much as anybody takes
  void free_bytes(int64_t *free, int64_t *all) const override {
    *free = int64_t{1} << 40;
    *all = 2 * *free;
  }

 private:
  std::function<void()> running(Kernel kernel, const Grid &grid, const void *args) {
    const int number = static_cast<int>(kernel);
    const auto copy = kept(args, kArgumentBytes[number]);
    return [=] {
      const int64_t blocks[3] = {grid.x, grid.y, grid.z};
      emulation::run(kEntries[number], copy.get(), blocks, grid.shared_bytes);
    };
  }

  void work() {
    for (; !queue_.empty(); queue_.pop_front(), done_++) {
      if (chance_() % 2 == 0) work_ahead(1);
      queue_.front()();
    }
  }

  // Up to so many of those that may be done now.
  void work_ahead(int64_t most) {
    for (; most > 0 && !ahead_.empty() && ahead_.front().after <= done_; most--, ahead_done_++) {
      ahead_.front().job();
      ahead_.pop_front();
    }
  }

  struct Ahead {
    int64_t after; // so much of the queue
    std::function<void()> job;
  };

  EmulatedMemory memory_;
  std::vector<void *> scratch_;
  std::deque<std::function<void()>> queue_;
  int64_t done_ = 0; // of it
  std::deque<Ahead> ahead_;
  int64_t ahead_asked_ = 0, ahead_done_ = 0, ahead_after_ = 0;
  std::mt19937 chance_{7};
};

}  // namespace

int32_t card_count() { return 1; }
std::string card_name(int32_t) { return "an emulated card"; }
std::string card_missing(int32_t card) { return card == 0 ? "" : "there is one emulated card"; }
std::unique_ptr<Card> open_card(int32_t) { return std::make_unique<EmulatedCard>(); }

}  // namespace longform::card
