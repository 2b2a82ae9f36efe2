// What the processor needs on the host to do an operation of a card: the card's kernels do not do it, and some of
// what it reads and writes lies on the card.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "card_device.h"
#include "moved_runs.h"

namespace longform::card {

class HostCopies {
 public:
  // Without a card everything lies on the host.
  explicit HostCopies(CardDevice *card) : card_(card) {}

  // Where the host reads what lies at `from`.
  template <typename T>
  const T *in(const T *from, int64_t count) {
    if (!lies_there(from) || count == 0) return from;
    T *copy = room<T>(count);
    card_->copy(copy, from, count * static_cast<int64_t>(sizeof(T)));
    return copy;
  }

  // Where the host writes what is to be at `to`; finish() brings it there.
  template <typename T>
  T *out(T *to, int64_t count) {
    if (!lies_there(to) || count == 0) return to;
    T *written = room<T>(count);
    CardDevice *card = card_;
    written_.push_back([=] { card->copy(to, written, count * static_cast<int64_t>(sizeof(T))); });
    return written;
  }

  std::vector<kernels_run> runs(const kernels_kv_layout &layout, const kernels_run *runs, int64_t count) {
    return moved_runs(
        layout, runs, count, [&](const char *key) { return lies_there(key); },
        [&](const char *from, int64_t bytes) { return in(from, bytes); });
  }

  void finish() {
    for (const auto &each : written_) each();
  }

 private:
  bool lies_there(const void *address) const { return card_ != nullptr && address != nullptr && card_->holds(address); }

  template <typename T>
  T *room(int64_t count) {
    const size_t words = (static_cast<size_t>(count) * sizeof(T) + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    copies_.emplace_back(new uint64_t[words]());
    return reinterpret_cast<T *>(copies_.back().get());
  }

  CardDevice *card_;
  std::vector<std::unique_ptr<uint64_t[]>> copies_;
  std::vector<std::function<void()>> written_;
};

}  // namespace longform::card
