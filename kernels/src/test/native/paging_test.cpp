// Hints about mapped files, which change where bytes are, never what they are; and memory in large pages.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "kernels.h"

namespace {

constexpr int64_t kBytes = 3 << 20;

int64_t checks = 0;
int64_t failures = 0;

void expect(bool good, const char *what, int64_t number) {
  checks++;
  if (!good && failures++ < 20) std::printf("%s (%lld)\n", what, static_cast<long long>(number));
}

uint8_t byte_at(int64_t i) { return static_cast<uint8_t>(i * 31 + i / 4096); }

// pages of the stretch that are in memory; the pages around it count, too
bool resident(uint8_t *from, int64_t bytes) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  uint8_t *begin = from - reinterpret_cast<uintptr_t>(from) % static_cast<uintptr_t>(page);
  const int64_t length = from + bytes - begin;
  std::vector<unsigned char> pages(static_cast<size_t>((length + page - 1) / page));
  if (mincore(begin, static_cast<size_t>(length), pages.data()) != 0) return false;
  for (unsigned char each : pages) {
    if ((each & 1) == 0) return false;
  }
  return true;
}

// begins on a border, is zero, is written to its end, and leaves nothing behind
void large_pages() {
  for (int64_t bytes : {int64_t{1}, int64_t{4097}, kBytes, kBytes + 1, int64_t{2} << 20}) {
    uint8_t *blocks[3];
    for (uint8_t *&block : blocks) {
      block = static_cast<uint8_t *>(kernels_large_allocate(bytes));
      expect(block != nullptr && reinterpret_cast<uintptr_t>(block) % (2 << 20) == 0, "no border of a large page", bytes);
    }
    for (uint8_t *block : blocks) {
      bool zero = true;
      for (int64_t i = 0; i < bytes; i++) zero &= block[i] == 0;
      expect(zero, "fresh memory is not zero", bytes);
      for (int64_t i = 0; i < bytes; i++) block[i] = byte_at(i);
    }
    for (uint8_t *block : blocks) {
      for (int64_t i = 0; i < bytes; i += 997) expect(block[i] == byte_at(i), "blocks overlap", i);
      kernels_large_release(block, bytes);
      unsigned char page;
      expect(mincore(block, 1, &page) != 0, "released memory is still there", bytes);
    }
  }
  expect(kernels_large_allocate(int64_t{1} << 60) == nullptr, "more than there is was given", 0);
}

}  // namespace

int main() {
  large_pages();
  const char *folder = std::getenv("TMPDIR");
  std::string name = std::string(folder == nullptr ? "/tmp" : folder) + "/paging_test_XXXXXX";
  const int file = mkstemp(name.data());
  if (file < 0) return 1;
  unlink(name.c_str());
  std::vector<uint8_t> content(kBytes);
  for (int64_t i = 0; i < kBytes; i++) content[static_cast<size_t>(i)] = byte_at(i);
  if (write(file, content.data(), content.size()) != kBytes || fsync(file) != 0) return 1;
  void *mapped = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) return 1;
  uint8_t *bytes = static_cast<uint8_t *>(mapped);

  struct Stretch {
    int64_t from;
    int64_t count;
  };
  const Stretch stretches[] = {{0, kBytes}, {0, 0}, {1, 1}, {4095, 2}, {5000, 300000}, {kBytes - 1, 1}, {131072, 131072}};
  for (const Stretch &each : stretches) {
    kernels_forget(bytes + each.from, each.count);
    // the system drops what nobody has mapped and the disk has
    posix_fadvise(file, 0, kBytes, POSIX_FADV_DONTNEED);
    kernels_prefetch(bytes + each.from, each.count);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!resident(bytes + each.from, each.count) && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    expect(resident(bytes + each.from, each.count), "what was announced did not come", each.from);
    for (int64_t i = 0; i < kBytes; i += 997) expect(bytes[i] == byte_at(i), "a byte changed", i);
  }
  munmap(mapped, kBytes);
  close(file);
  std::printf("paging: %lld checks, %lld failures\n", static_cast<long long>(checks), static_cast<long long>(failures));
  return failures == 0 ? 0 : 1;
}
