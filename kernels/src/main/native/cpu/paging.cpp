// Hints to the operating system about mapped files.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "../kernels.h"

namespace {

// The kernel reads no more than its read-ahead at one request, and drops the rest of it.
constexpr int64_t kRequestBytes = 1 << 17;

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
