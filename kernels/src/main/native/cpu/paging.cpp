// What the operating system is asked for: hints about mapped files, and large pages.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "../kernels.h"

namespace {

// The kernel reads no more than its read-ahead at one request, and drops the rest of it.
constexpr int64_t kRequestBytes = 1 << 17;

constexpr int64_t kLargePage = int64_t{1} << 21;

struct Pages {
  Pages(const void *from, int64_t bytes) {
    const intptr_t page = static_cast<intptr_t>(sysconf(_SC_PAGESIZE));
    begin = reinterpret_cast<intptr_t>(from) / page * page;
    end = (reinterpret_cast<intptr_t>(from) + bytes + page - 1) / page * page;
  }

  intptr_t begin;
  intptr_t end;
};

}  // namespace

void kernels_prefetch(const void *from, int64_t bytes) {
  const Pages pages(from, bytes);
  for (intptr_t at = pages.begin; at < pages.end; at += kRequestBytes) {
    const int64_t some = std::min<int64_t>(kRequestBytes, pages.end - at);
    madvise(reinterpret_cast<void *>(at), static_cast<size_t>(some), MADV_WILLNEED);
  }
}

// of a mapped file this drops the mapping alone: what is not on the disk yet stays with the system
void kernels_forget(const void *from, int64_t bytes) {
  const Pages pages(from, bytes);
  if (pages.end > pages.begin) {
    madvise(reinterpret_cast<void *>(pages.begin), static_cast<size_t>(pages.end - pages.begin), MADV_DONTNEED);
  }
}

void *kernels_large_allocate(int64_t bytes) {
  const Pages wanted(nullptr, bytes);
  void *reserved = mmap(nullptr, static_cast<size_t>(wanted.end + kLargePage), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved == MAP_FAILED) return nullptr;
  const intptr_t from = reinterpret_cast<intptr_t>(reserved), to = from + wanted.end + kLargePage;
  const intptr_t begin = (from + kLargePage - 1) / kLargePage * kLargePage, end = begin + wanted.end;
  // what lies before and behind was needed to find a border
  if (begin > from) munmap(reserved, static_cast<size_t>(begin - from));
  if (to > end) munmap(reinterpret_cast<void *>(end), static_cast<size_t>(to - end));
#ifdef MADV_HUGEPAGE
  madvise(reinterpret_cast<void *>(begin), static_cast<size_t>(wanted.end), MADV_HUGEPAGE);
#endif
  return reinterpret_cast<void *>(begin);
}

void kernels_large_release(void *memory, int64_t bytes) { munmap(memory, static_cast<size_t>(Pages(nullptr, bytes).end)); }
