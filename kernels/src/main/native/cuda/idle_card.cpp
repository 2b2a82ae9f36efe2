// A card of a measurement: nothing that it is asked for is done, so that what is left is the host's time. Its memory has
// addresses and nothing else, its answers are zeros. It says at the end what it was asked for.
#include <stdio.h>
#include <string.h>

#include <vector>

#include "card.h"
#include "card_check.h"

namespace longform::card {
namespace {

struct Asked {
  long long operations = 0, launches = 0, uploads = 0, uploaded_bytes = 0, downloads = 0, zeros = 0, copies = 0, waits = 0;

  ~Asked() {
    fprintf(stderr,
            "An idle card was asked for %lld operations: %lld launches, %lld uploads of %lld bytes, %lld downloads, "
            "%lld stretches of zeros, %lld copies, %lld waits.\n",
            operations, launches, uploads, uploaded_bytes, downloads, zeros, copies, waits);
  }
};

// Of the whole process.
Asked asked;

class IdleCard : public Card {
 public:
  void *allocate(int64_t bytes) override {
    const int64_t at = next_;
    next_ += (bytes + 511) / 256 * 256;
    return reinterpret_cast<void *>(at);
  }
  void release(void *) noexcept override {}
  void *allocate_pinned(int64_t bytes) override { return allocate(bytes); }
  void release_pinned(void *) noexcept override {}
  void *scratch(int64_t bytes) override {
    const int64_t at = scratch_;
    scratch_ += (bytes + 255) / 256 * 256;
    return reinterpret_cast<void *>(at);
  }
  void end() noexcept override {
    scratch_ = kScratch;
    asked.operations++;
  }
  int64_t shrink() noexcept override { return 0; }

  // Into memory of a fixed size, as a real one copies into pinned memory.
  void upload(void *, const void *from, int64_t bytes) override {
    for (int64_t done = 0; done < bytes; done += kStaging) {
      const int64_t some = bytes - done < kStaging ? bytes - done : kStaging;
      memcpy(staging_.data(), static_cast<const char *>(from) + done, static_cast<size_t>(some));
    }
    asked.uploads++;
    asked.uploaded_bytes += bytes;
  }
  void download(void *to, const void *, int64_t bytes) override {
    memset(to, 0, static_cast<size_t>(bytes));
    asked.downloads++;
  }
  void zero(void *, int64_t) override { asked.zeros++; }
  void copy(void *, const void *, int64_t) override { asked.copies++; }
  void launch(Kernel, const Grid &, const void *) override { asked.launches++; }
  void wait() override { asked.waits++; }
  void launch_ahead(Kernel kernel, const Grid &grid, const void *args) override { launch(kernel, grid, args); }
  void let_ahead_wait() override {}
  void wait_for_ahead() override {}

  // those of an H200
  int64_t processors() const override { return 132; }
  int64_t spared_bytes() const override { return int64_t{1} << 30; }
  void free_bytes(int64_t *free, int64_t *all) const override { *free = *all = int64_t{1} << 40; }

 private:
  static constexpr int64_t kStaging = int64_t{4} << 20, kScratch = int64_t{1} << 44;

  std::vector<char> staging_ = std::vector<char>(static_cast<size_t>(kStaging));
  int64_t next_ = int64_t{1} << 45;
  int64_t scratch_ = kScratch;
};

}  // namespace

int32_t card_count() { return 1; }
std::string card_name(int32_t) { return "a card that does nothing"; }
std::string card_missing(int32_t card) { return card == 0 ? "" : "there is one idle card"; }
std::unique_ptr<Card> open_card(int32_t) { return std::make_unique<IdleCard>(); }

// It has no answers to be looked at.
void check_card(kernels_device *, kernels_device *) {}
bool check_library(CardDevice &, kernels_device *) { return true; }

}  // namespace longform::card
