// Threads of one device. A caller's thread works too; helpers join only while fewer callers than
// threads are at work, so that several tasks of one process never run more threads than were given.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace longform {

// Scratch memory of one thread: grows on demand, stays for the next call.
class Arena {
 public:
  ~Arena();
  // 64-byte aligned; its content and earlier answers are lost when it grows
  void *reserve(int64_t bytes);

 private:
  void *block_ = nullptr;
  int64_t size_ = 0;
};

// One piece of a job: `piece` of `pieces`, with scratch of the thread that runs it.
using PieceFunction = void (*)(const void *job, int64_t piece, Arena &scratch);

class Pool {
 public:
  explicit Pool(int threads);
  ~Pool();

  int threads() const { return threads_; }

  // Runs every piece once, on this thread and on whichever helpers are free, and returns when all
  // are done. Pieces are taken in order.
  void run(int64_t pieces, PieceFunction function, const void *job);

  // Memory of the calling thread, beside its scratch, for what all pieces of its operation read.
  static Arena &call_scratch();

  void enter() { callers_.fetch_add(1, std::memory_order_relaxed); }
  void leave() { callers_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  struct Job {
    PieceFunction function = nullptr;
    const void *data = nullptr;
    int64_t pieces = 0;
    std::atomic<int64_t> next{0};
    // helpers that may still touch the job
    std::atomic<int> inside{0};
    std::atomic<bool> open{false};
  };

  // A place where one caller offers its job to helpers.
  struct alignas(64) Slot {
    std::atomic<bool> taken{false};
    Job job;
  };

  static constexpr int kSlots = 64;

  void help();
  bool help_once(Arena &scratch);
  int helpers_allowed() const;

  const int threads_;
  std::vector<std::thread> helpers_;
  Slot slots_[kSlots];
  std::atomic<int> callers_{0};
  std::atomic<int> working_{0};
  std::atomic<uint64_t> offers_{0};
  std::atomic<int> asleep_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace longform
