// Copies between host and card pass through memory that is pinned: only from there the card copies while the host goes on,
// and what the host gave may change at once. The card's end may be pinned, too, so the driver looks what each end is.
#pragma once

#include <string.h>

#include <algorithm>

#include "driver.h"

namespace longform::card {

class Staging {
 public:
  explicit Staging(CUstream stream) : stream_(stream) {
    // without pinned memory the driver copies, and the host waits
    void *memory = nullptr;
    if (driver().cuMemHostAlloc(&memory, 2 * kHalf, 0) != CUDA_SUCCESS) return;
    memory_ = static_cast<char *>(memory);
    for (CUevent &event : read_) check(driver().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "it is opened");
  }
  Staging(const Staging &) = delete;
  Staging &operator=(const Staging &) = delete;

  // The card must be idle.
  void close() noexcept {
    if (memory_ == nullptr) return;
    for (CUevent event : read_) driver().cuEventDestroy_v2(event);
    driver().cuMemFreeHost(memory_);
    memory_ = nullptr;
  }

  void upload(void *to, const void *from, int64_t bytes) {
    if (memory_ == nullptr) {
      check(driver().cuMemcpyAsync(address(to), address(from), static_cast<size_t>(bytes), stream_), kWriting);
      check(driver().cuStreamSynchronize(stream_), kWriting);
      return;
    }
    for (int64_t done = 0; done < bytes;) {
      if (used_ == kHalf) turn();
      const int64_t some = std::min(bytes - done, kHalf - used_);
      char *pinned = memory_ + half_ * kHalf + used_;
      memcpy(pinned, static_cast<const char *>(from) + done, static_cast<size_t>(some));
      check(driver().cuMemcpyAsync(address(to) + static_cast<CUdeviceptr>(done), address(pinned),
                                   static_cast<size_t>(some), stream_), kWriting);
      used_ = std::min(kHalf, (used_ + some + kAlignment - 1) / kAlignment * kAlignment);
      done += some;
    }
  }

  // Waits for all that was asked for before, but where nothing is read.
  void download(void *to, const void *from, int64_t bytes) {
    if (bytes == 0) return;
    if (memory_ == nullptr) {
      check(driver().cuMemcpyAsync(address(to), address(from), static_cast<size_t>(bytes), stream_), kReading);
      check(driver().cuStreamSynchronize(stream_), kReading);
      return;
    }
    for (int64_t done = 0; done < bytes;) {
      const int64_t some = std::min(bytes - done, kHalf);
      // in the order of the stream, so that what was staged here before has been read
      check(driver().cuMemcpyAsync(address(memory_), address(from) + static_cast<CUdeviceptr>(done),
                                   static_cast<size_t>(some), stream_), kReading);
      check(driver().cuStreamSynchronize(stream_), kReading);
      memcpy(static_cast<char *>(to) + done, memory_, static_cast<size_t>(some));
      done += some;
    }
    rewind();
  }

  // When the card is idle: everything that was staged has been read.
  void rewind() {
    used_ = 0;
    asked_[0] = asked_[1] = false;
  }

 private:
  static constexpr int64_t kHalf = int64_t{4} << 20;
  static constexpr int64_t kAlignment = 64;
  static constexpr const char *kWriting = "it is written to", *kReading = "it is read";

  // To the other half, when the card has read that.
  void turn() {
    check(driver().cuEventRecord(read_[half_], stream_), kWriting);
    asked_[half_] = true;
    half_ = 1 - half_;
    used_ = 0;
    if (asked_[half_]) check(driver().cuEventSynchronize(read_[half_]), kWriting);
    asked_[half_] = false;
  }

  CUstream stream_;
  char *memory_ = nullptr; // two halves: one is read while the other is written
  CUevent read_[2] = {};
  bool asked_[2] = {};
  int half_ = 0;
  int64_t used_ = 0; // bytes of this half
};

}  // namespace longform::card
