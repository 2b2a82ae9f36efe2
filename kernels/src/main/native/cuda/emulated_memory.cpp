#include "emulated_memory.h"

#include <string.h>
#include <sys/mman.h>

#include <new>

#include "guard.h"

namespace longform::card {
namespace {

constexpr int64_t kPage = 4096;
// Addresses, not memory.
constexpr int64_t kMost = int64_t{1} << 38;

// Also what somebody guards within the piece.
#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize_address))
#endif
void fill_with_nan(char *memory, int64_t bytes) {
  volatile uint64_t *words = reinterpret_cast<volatile uint64_t *>(memory);
  for (int64_t i = 0; i < (bytes + 7) / 8; i++) words[i] = ~uint64_t{0};
}

}  // namespace

EmulatedMemory::EmulatedMemory() {
  void *range = mmap(nullptr, kMost, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<char *>(range);
}

EmulatedMemory::~EmulatedMemory() {
  unguard(begin_, used_);
  munmap(begin_, kMost);
}

void *EmulatedMemory::allocate(int64_t bytes) {
  std::lock_guard<std::mutex> lock(busy_);
  // a page behind each piece is nobody's
  const int64_t whole = (bytes + kPage - 1) / kPage * kPage + kPage;
  char *memory = nullptr;
  const auto found = free_.find(whole);
  if (found != free_.end()) {
    memory = found->second;
    free_.erase(found);
  } else {
    if (used_ + whole > kMost) throw std::bad_alloc();
    memory = begin_ + used_;
    used_ += whole;
  }
  taken_[memory] = whole;
  unguard(memory, bytes);
  guard(memory + bytes, whole - bytes);
  fresh_[memory] = bytes;
  return memory;
}

void EmulatedMemory::release(void *memory) {
  std::lock_guard<std::mutex> lock(busy_);
  char *piece = static_cast<char *>(memory);
  const auto found = taken_.find(piece);
  const int64_t whole = found->second;
  taken_.erase(found);
  fresh_.erase(piece);
  unguard(piece, whole);
  guard(piece, whole);
  if (whole > 16 * kPage) madvise(piece, static_cast<size_t>(whole), MADV_DONTNEED);
  free_.emplace(whole, piece);
}

void EmulatedMemory::read(void *to, const void *from, int64_t bytes) {
  if (bytes == 0) return;
  if (!fresh_.empty()) Open all(*this);
  std::lock_guard<std::mutex> lock(busy_);
  // those pages alone: there may be many
  const uintptr_t at = reinterpret_cast<uintptr_t>(from), first = at / kPage * kPage;
  const size_t pages = (at + static_cast<uintptr_t>(bytes) - first + kPage - 1) / kPage * kPage;
  mprotect(reinterpret_cast<void *>(first), pages, PROT_READ);
  memcpy(to, from, static_cast<size_t>(bytes));
  mprotect(reinterpret_cast<void *>(first), pages, PROT_NONE);
}

void EmulatedMemory::open() {
  std::lock_guard<std::mutex> lock(busy_);
  mprotect(begin_, static_cast<size_t>(used_), PROT_READ | PROT_WRITE);
  for (const auto &piece : fresh_) fill_with_nan(piece.first, piece.second);
  fresh_.clear();
}

void EmulatedMemory::close() {
  std::lock_guard<std::mutex> lock(busy_);
  mprotect(begin_, static_cast<size_t>(used_), PROT_NONE);
}

}  // namespace longform::card
