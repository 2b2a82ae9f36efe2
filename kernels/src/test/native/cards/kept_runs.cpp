// Attention over rows of which the card has a list already, against the same where the host lists them: the bits are the same,
// wherever in its last page the list ends, also where the processor attends.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels.h"
#include "kv_rows.h"

namespace {

using longform::test::end;
using longform::test::expect;

constexpr int64_t kPage = 64, kKvHeads = 2, kHeads = 4;

std::mt19937 draws(31);
float uniform() { return std::uniform_real_distribution<float>(-1, 1)(draws); }

void done(int32_t status, const char *operation) {
  expect(status == 0, std::string(operation) + ": " + kernels_last_error());
}

// Pages in memory of the card, each a block of its own.
class Document {
 public:
  Document(kernels_device *device, int64_t dtype, int64_t dim, int64_t pages) : device_(device) {
    const int64_t bytes = dtype == KERNELS_KV_F32   ? 4 * dim
                          : dtype == KERNELS_KV_F16 ? 2 * dim
                                                    : dim + (dim + 31) / 32 * 2;
    layout = {dtype, kKvHeads, dim, bytes, kPage * bytes, 2 * kPage * bytes};
    std::vector<char> page(static_cast<size_t>(kKvHeads * layout.head_stride));
    std::vector<float> row(static_cast<size_t>(dim));
    for (int64_t p = 0; p < pages; p++) {
      for (int64_t i = 0; i < 2 * kKvHeads * kPage; i++) {
        for (float &x : row) x = uniform();
        longform::kv::store_row(dtype, row.data(), dim, page.data() + i * bytes);
      }
      runs.push_back({static_cast<const char *>(put(page.data(), static_cast<int64_t>(page.size()))), p * kPage,
                      p * kPage, kPage});
    }
    kept = static_cast<const kernels_run *>(put(runs.data(), pages * static_cast<int64_t>(sizeof(kernels_run))));
  }
  Document(const Document &) = delete;
  Document &operator=(const Document &) = delete;
  ~Document() {
    for (void *block : blocks_) done(kernels_card_release(device_, block), "release");
  }

  kernels_kv_layout layout;
  std::vector<kernels_run> runs; // whole pages
  const kernels_run *kept;       // the same on the card

 private:
  const void *put(const void *from, int64_t bytes) {
    void *block = nullptr;
    done(kernels_card_take(device_, bytes, &block), "memory of the card");
    done(kernels_card_copy(device_, block, from, bytes), "a copy to the card");
    blocks_.push_back(block);
    return block;
  }

  kernels_device *device_;
  std::vector<void *> blocks_;
};

// Attention of `tokens` behind the rows before `rows`, with those that are kept among two segments or alone.
std::vector<float> attend(kernels_device *device, const Document &document, const std::vector<float> &queries,
                          int64_t rows, bool kept, int64_t key_kind, bool second) {
  const int64_t dim = document.layout.head_dim, tokens = static_cast<int64_t>(queries.size()) / (kHeads * dim);
  std::vector<kernels_run> listed(document.runs.begin(), document.runs.begin() + (rows + kPage - 1) / kPage);
  const std::vector<kernels_run> whole = listed;
  listed.back().count = rows - listed.back().index;
  // of each row one, and not one more
  std::vector<double> positions(static_cast<size_t>(rows)), frequencies;
  for (size_t i = 0; i < positions.size(); i++) positions[i] = static_cast<double>(i) / 2;
  for (int64_t i = 0; i < dim / 2; i++) {
    frequencies.push_back(std::pow(10000., -2. * static_cast<double>(i) / static_cast<double>(dim)));
  }
  const int64_t starts[] = {0, static_cast<int64_t>(listed.size())};
  kernels_segment segments[2] = {};
  for (kernels_segment &segment : segments) {
    segment.runs = listed.data();
    segment.run_starts = starts;
    segment.groups = 1;
    segment.key_kind = key_kind;
    segment.key_stride = 1;
    segment.key_positions = positions.data();
    segment.query_to = INT64_MAX;
    segment.logit_scale = 1;
    segment.resident = 1;
  }
  if (kept) {
    segments[0].runs = whole.data();
    segments[0].kept_runs = document.kept;
    segments[0].list_end = rows;
  }
  std::vector<float> out(queries.size(), 1e30f);
  kernels_attention call = {};
  call.queries = queries.data();
  call.out = out.data();
  call.tokens = tokens;
  call.heads = kHeads;
  call.first_row = rows - tokens;
  call.scale = 1 / std::sqrt(static_cast<double>(dim));
  call.frequencies = frequencies.data();
  call.pairs = dim / 2;
  call.attention_factor = 1;
  call.layout = &document.layout;
  call.segments = segments;
  call.segment_count = second ? 2 : 1;
  done(kernels_attend(device, &call), "attention");
  done(kernels_finish(device), "the end");
  return out;
}

void compare(kernels_device *device, int64_t dtype, int64_t dim) {
  const Document document(device, dtype, dim, 3);
  for (int64_t rows : {70, 128, 129, 191}) {
    for (int64_t tokens : {1, 17}) {
      std::vector<float> queries(static_cast<size_t>(tokens * kHeads * dim));
      for (float &x : queries) x = 3 * uniform();
      for (int64_t kind : {KERNELS_POSITION_TRUE, KERNELS_POSITION_LISTED}) {
        for (bool second : {false, true}) {
          const std::vector<float> expected = attend(device, document, queries, rows, false, kind, second);
          const std::vector<float> found = attend(device, document, queries, rows, true, kind, second);
          expect(std::all_of(expected.begin(), expected.end(), [](float x) { return std::fabs(x) < 2; }),
                 "attention is no mean of values");
          expect(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)) == 0,
                 "other bits: " + std::to_string(tokens) + " tokens of " + std::to_string(rows) + " rows, heads of " +
                     std::to_string(dim) + ", dtype " + std::to_string(dtype));
        }
      }
    }
  }
}

}  // namespace

int main() {
  kernels_device *device = nullptr;
  if (kernels_open_card(0, 1, &device) != 0) {
    std::fprintf(stderr, "Cannot attend on a card: %s.\n", kernels_last_error());
    return 1;
  }
  compare(device, KERNELS_KV_F32, 34);
  compare(device, KERNELS_KV_F16, 64);
  compare(device, KERNELS_KV_Q8, 64);
  // the processor's
  compare(device, KERNELS_KV_F16, 320);
  kernels_close(device);
  return end("kept lists of rows");
}
