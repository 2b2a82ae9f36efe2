// A card that counts what its library is asked for and how often the host waits, and whose library and memory may fail.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "cuda/card.h"

namespace longform::test {

using card::Gemm;

class WatchedCard : public card::Card {
 public:
  enum class Library { kSound, kRefuses, kLies };

  WatchedCard() : card_(card::open_card(0)) {}

  void *allocate(int64_t bytes) override { return card_->allocate(bytes); }
  int64_t spared_bytes() const override { return card_->spared_bytes(); }
  void release(void *memory) noexcept override { card_->release(memory); }
  void *allocate_pinned(int64_t bytes) override { return card_->allocate_pinned(bytes); }
  void release_pinned(void *memory) noexcept override { card_->release_pinned(memory); }
  void *scratch(int64_t bytes) override {
    if (bytes > most_scratch) throw card::CardFull("the card has no room for scratch");
    scratch_bytes += bytes;
    return card_->scratch(bytes);
  }
  void end() noexcept override {
    scratch_bytes = 0;
    card_->end();
  }
  int64_t shrink() noexcept override { return card_->shrink(); }
  void upload(void *to, const void *from, int64_t bytes) override { card_->upload(to, from, bytes); }
  void download(void *to, const void *from, int64_t bytes) override {
    waits++;
    card_->download(to, from, bytes);
  }
  void zero(void *memory, int64_t bytes) override { card_->zero(memory, bytes); }
  void copy(void *to, const void *from, int64_t bytes) override { card_->copy(to, from, bytes); }
  void launch(card::Kernel kernel, const card::Grid &grid, const void *args) override {
    launches++;
    card_->launch(kernel, grid, args);
  }
  void launch_ahead(card::Kernel kernel, const card::Grid &grid, const void *args) override {
    card_->launch_ahead(kernel, grid, args);
  }
  void let_ahead_wait() override { card_->let_ahead_wait(); }
  void wait_for_ahead() override { card_->wait_for_ahead(); }
  void wait() override {
    waits++;
    card_->wait();
  }
  int64_t processors() const override { return card_->processors(); }
  void free_bytes(int64_t *free, int64_t *all) const override { card_->free_bytes(free, all); }

  bool multiplies(const Gemm &gemm) override { return card_->multiplies(gemm); }
  bool multiply(const Gemm &gemm) override {
    most_scratch_seen = std::max(most_scratch_seen, scratch_bytes);
    if (library == Library::kRefuses) {
      refused++;
      return false;
    }
    Gemm asked = gemm;
    // forgets the end of each row
    if (library == Library::kLies) asked.inner -= 8;
    if (!card_->multiply(asked)) return false;
    multiplied++;
    return true;
  }

  Library library = Library::kSound;
  int64_t most_scratch = std::numeric_limits<int64_t>::max(); // of one piece
  int64_t multiplied = 0, refused = 0;
  int64_t waits = 0; // of the host
  int64_t launches = 0;
  int64_t scratch_bytes = 0, most_scratch_seen = 0; // of an operation

 private:
  std::unique_ptr<card::Card> card_;
};

// Whether card 0 has a library; that of the emulation is always there.
inline bool library_is_here() {
  Gemm plain = {};
  plain.dtype = KERNELS_F16;
  plain.rows = plain.outer = plain.inner = plain.x_stride = plain.w_stride = plain.out_stride = 64;
  return card::card_name(0) == "an emulated card" || card::open_card(0)->multiplies(plain);
}

}  // namespace longform::test
