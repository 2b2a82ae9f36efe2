#include "pool.h"

#include <chrono>
#include <cstdlib>
#include <new>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace longform {

namespace {

// A helper looks for the next job this long before it sleeps: the operations of one layer follow
// each other within microseconds, and waking a thread takes about fifty.
constexpr auto kPatience = std::chrono::microseconds(100);

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// scratch of callers' threads; helpers have theirs on their stack
Arena &caller_scratch() {
  static thread_local Arena arena;
  return arena;
}

}  // namespace

Arena::~Arena() { std::free(block_); }

void *Arena::reserve(int64_t bytes) {
  if (bytes > size_) {
    std::free(block_);
    block_ = nullptr;
    size_ = 0;
    const int64_t rounded = (bytes + 4095) & ~int64_t{4095};
    block_ = std::aligned_alloc(64, static_cast<size_t>(rounded));
    if (block_ == nullptr) throw std::bad_alloc();
    size_ = rounded;
  }
  return block_;
}

Arena &Pool::call_scratch() {
  static thread_local Arena arena;
  return arena;
}

Pool::Pool(int threads) : threads_(threads) {
  for (int i = 1; i < threads; i++) helpers_.emplace_back([this] { help(); });
}

Pool::~Pool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_.store(true);
  }
  wake_.notify_all();
  for (std::thread &helper : helpers_) helper.join();
}

int Pool::helpers_allowed() const {
  const int callers = callers_.load(std::memory_order_relaxed);
  return threads_ - (callers < 1 ? 1 : callers);
}

void Pool::run(int64_t pieces, PieceFunction function, const void *job) {
  Arena &scratch = caller_scratch();
  Slot *slot = nullptr;
  if (pieces > 1 && helpers_allowed() > 0) {
    for (Slot &candidate : slots_) {
      bool free = false;
      if (candidate.taken.compare_exchange_strong(free, true)) {
        slot = &candidate;
        break;
      }
    }
  }
  if (slot == nullptr) {
    for (int64_t piece = 0; piece < pieces; piece++) function(job, piece, scratch);
    return;
  }
  Job &offer = slot->job;
  offer.function = function;
  offer.data = job;
  offer.pieces = pieces;
  offer.next.store(0, std::memory_order_relaxed);
  offer.open.store(true, std::memory_order_seq_cst);
  offers_.fetch_add(1, std::memory_order_seq_cst);
  if (asleep_.load(std::memory_order_seq_cst) > 0) {
    // the lock orders this after a helper's last look before it sleeps
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  for (;;) {
    const int64_t piece = offer.next.fetch_add(1, std::memory_order_relaxed);
    if (piece >= pieces) break;
    function(job, piece, scratch);
  }
  offer.open.store(false, std::memory_order_seq_cst);
  while (offer.inside.load(std::memory_order_acquire) != 0) relax();
  slot->taken.store(false, std::memory_order_release);
}

bool Pool::help_once(Arena &scratch) {
  for (Slot &slot : slots_) {
    Job &job = slot.job;
    if (!job.open.load(std::memory_order_relaxed)) continue;
    if (working_.fetch_add(1) >= helpers_allowed()) {
      working_.fetch_sub(1);
      return false;
    }
    bool helped = false;
    job.inside.fetch_add(1, std::memory_order_seq_cst);
    // the caller waits for `inside` only after it closed the job, so an open job stays whole
    if (job.open.load(std::memory_order_seq_cst)) {
      for (;;) {
        const int64_t piece = job.next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= job.pieces) break;
        job.function(job.data, piece, scratch);
        helped = true;
      }
    }
    job.inside.fetch_sub(1, std::memory_order_release);
    working_.fetch_sub(1);
    if (helped) return true;
  }
  return false;
}

void Pool::help() {
  Arena scratch;
  auto last = std::chrono::steady_clock::now();
  while (!stop_.load(std::memory_order_relaxed)) {
    const uint64_t seen = offers_.load(std::memory_order_seq_cst);
    if (help_once(scratch)) {
      last = std::chrono::steady_clock::now();
      continue;
    }
    if (std::chrono::steady_clock::now() - last < kPatience && helpers_allowed() > 0) {
      for (int i = 0; i < 16 && offers_.load(std::memory_order_relaxed) == seen; i++) relax();
      continue;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    asleep_.fetch_add(1, std::memory_order_seq_cst);
    wake_.wait(lock, [&] { return stop_.load() || offers_.load(std::memory_order_seq_cst) != seen; });
    asleep_.fetch_sub(1, std::memory_order_seq_cst);
    last = std::chrono::steady_clock::now();
  }
}

}  // namespace longform
