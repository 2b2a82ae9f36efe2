// A small model reads a document and writes on, with activations and pages of the cache in memory of the card,
// against the processor's kernels on host memory: nothing waits but where the host takes an answer.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace {

using longform::test::end;
using longform::test::expect;

void done(int32_t status, const char *what) {
  expect(status == KERNELS_OK, std::string(what) + ": " + kernels_last_error());
}

std::mt19937 draws(5);
std::vector<float> draw(int64_t count, float size) {
  std::uniform_real_distribution<float> uniform(-size, size);
  std::vector<float> x(static_cast<size_t>(count));
  for (float &v : x) v = uniform(draws);
  return x;
}

kernels_device *card = nullptr;
kernels_device *processor = nullptr;

// Zeroed memory that a device works on.
struct Room {
  Room(kernels_device *device_, int64_t bytes_) : device(device_), bytes(bytes_) {
    if (device == card) {
      void *memory = nullptr;
      done(kernels_card_take(card, bytes, &memory), "take");
      at = static_cast<char *>(memory);
    } else {
      at = new char[static_cast<size_t>(bytes)]();
    }
  }
  Room(const Room &) = delete;
  Room &operator=(const Room &) = delete;
  ~Room() {
    if (device == card) {
      done(kernels_card_release(card, at), "release");
    } else {
      delete[] at;
    }
  }

  float *floats() { return reinterpret_cast<float *>(at); }
  std::vector<float> read(int64_t from, int64_t count) {
    std::vector<float> all(static_cast<size_t>(count));
    if (device == card) {
      done(kernels_card_copy(card, all.data(), floats() + from, count * 4), "read");
    } else {
      std::copy(floats() + from, floats() + from + count, all.begin());
    }
    return all;
  }
  void write(const std::vector<float> &all) {
    if (device == card) {
      done(kernels_card_copy(card, at, all.data(), static_cast<int64_t>(all.size()) * 4), "write");
    } else {
      std::copy(all.begin(), all.end(), floats());
    }
  }

  kernels_device *device;
  int64_t bytes;
  char *at;
};

int64_t row_bytes(int64_t dtype, int64_t dim) {
  return dtype == KERNELS_KV_F32 ? 4 * dim : dtype == KERNELS_KV_F16 ? 2 * dim : dim + (dim + 31) / 32 * 2;
}

constexpr int64_t kRows = 64;

kernels_kv_layout layout_of(int64_t dtype, int64_t kv_heads, int64_t dim) {
  const int64_t bytes = row_bytes(dtype, dim);
  return {dtype, kv_heads, dim, bytes, kRows * bytes, 2 * kRows * bytes};
}

// --- rows as they are stored ---

void stored_rows() {
  const float huge = std::numeric_limits<float>::infinity(), tiny = std::numeric_limits<float>::denorm_min();
  for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
    for (int64_t dim : {1, 2, 16, 31, 33, 64, 80}) {
      const int64_t kv_heads = 3, tokens = 70, width = kv_heads * dim;
      std::vector<float> keys = draw(tokens * width, 2), values = draw(tokens * width, 1e-6f);
      const float special[] = {huge, -huge, std::nanf(""), -0.f, tiny, 65504, 65520, -7e4f, 6.1e-5f, 2e-8f, 1e30f};
      for (size_t i = 0; i < 11 && i < keys.size(); i++) keys[i * 7 % keys.size()] = special[i];
      const kernels_kv_layout layout = layout_of(dtype, kv_heads, dim);
      const int64_t bytes = kv_heads * layout.head_stride;
      Room there[] = {{card, bytes}, {card, bytes}}, here[] = {{processor, bytes}, {processor, bytes}};
      Room keys_there(card, tokens * width * 4);
      keys_there.write(keys);
      // from row 50 of one page to row 56 of the next; keys on the card, values on the host
      const auto store = [&](kernels_device *device, Room *pages, const float *k) {
        const kernels_place places[] = {{pages[0].at + 50 * layout.row_bytes, 0, 14}, {pages[1].at, 14, 56}};
        done(kernels_store(device, &layout, k, values.data(), places, 2), "store");
      };
      store(card, there, keys_there.floats());
      store(processor, here, keys.data());
      for (int page = 0; page < 2; page++) {
        std::vector<char> found(static_cast<size_t>(bytes));
        done(kernels_card_copy(card, found.data(), there[page].at, bytes), "read");
        expect(std::memcmp(found.data(), here[page].at, static_cast<size_t>(bytes)) == 0,
               "rows of type " + std::to_string(dtype) + " and " + std::to_string(dim) + " dimensions differ");
      }
      // pages on the host of a device with a card
      Room apart[] = {{processor, bytes}, {processor, bytes}};
      store(card, apart, keys_there.floats());
      expect(std::memcmp(apart[1].at, here[1].at, static_cast<size_t>(bytes)) == 0, "rows on the host differ");
    }
  }
}

// --- a whole model ---

constexpr int64_t kLayers = 2, kWidth = 64, kHeads = 4, kKvHeads = 2, kDim = 16, kInner = 96, kWords = 40, kMost = 40;

enum class Strategy { kFull, kLmInfinite, kReattention };

struct Weights {
  struct Layer {
    std::vector<float> q = draw(kWidth * kWidth, 0.2f), k = draw(kKvHeads * kDim * kWidth, 0.2f),
                       v = draw(kKvHeads * kDim * kWidth, 0.2f), o = draw(kWidth * kWidth, 0.2f),
                       gate = draw(kInner * kWidth, 0.2f), up = draw(kInner * kWidth, 0.2f),
                       down = draw(kWidth * kInner, 0.2f), gain = draw(kWidth, 1);
  };
  std::vector<float> table = draw(kWords * kWidth, 1);
  std::vector<Layer> layers = std::vector<Layer>(kLayers);
};

// One document on one device.
struct Reader {
  kernels_device *device;
  const Weights &weights;
  Strategy strategy;
  kernels_kv_layout layout;
  Room x, normed, q, k, v, mixed, gate, up;
  std::vector<std::unique_ptr<Room>> pages;
  std::vector<std::unique_ptr<Room>> copies;
  int64_t length = 0;

  Reader(kernels_device *on, const Weights &of, Strategy by, int64_t dtype)
      : device(on), weights(of), strategy(by), layout(layout_of(dtype, kKvHeads, kDim)), x(on, kMost * kWidth * 4),
        normed(on, kMost * kWidth * 4), q(on, kMost * kWidth * 4), k(on, kMost * kKvHeads * kDim * 4),
        v(on, kMost * kKvHeads * kDim * 4), mixed(on, kMost * kWidth * 4), gate(on, kMost * kInner * 4),
        up(on, kMost * kInner * 4) {}

  char *key(int64_t layer, int64_t row) {
    return pages[static_cast<size_t>(row / kRows)]->at + layer * kKvHeads * layout.head_stride +
           row % kRows * layout.row_bytes;
  }

  // Rows side by side; index counts within the list.
  void list(std::vector<kernels_run> &runs, int64_t layer, int64_t from, int64_t to, int64_t index) {
    for (int64_t row = from; row < to;) {
      const int64_t count = std::min(to - row, kRows - row % kRows);
      runs.push_back({key(layer, row), row, index + row - from, count});
      row += count;
    }
  }

  // Rows that the best keys of the last query point at.
  std::vector<int64_t> best(int64_t layer, int64_t tokens, int64_t to) {
    constexpr int64_t kBest = 2;
    std::vector<kernels_run> runs;
    list(runs, layer, 0, to, 0);
    std::vector<int64_t> rows(kHeads * kBest);
    std::vector<float> scores(kHeads * kBest);
    int64_t rescored = 0;
    kernels_top_keys_request request = {};
    request.queries = q.floats() + (tokens - 1) * kWidth;
    request.query_count = 1;
    request.heads = kHeads;
    request.layout = &layout;
    request.runs = runs.data();
    request.run_count = static_cast<int64_t>(runs.size());
    request.to = to;
    request.k = kBest;
    request.block_rows = 1;
    request.rows = rows.data();
    request.scores = scores.data();
    request.rescored = &rescored;
    done(kernels_top_keys(device, &request), "top_keys");
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
  }

  void attend(int64_t layer, int64_t tokens) {
    const int64_t end = length + tokens, window = strategy == Strategy::kFull ? end : 48;
    const int64_t near = std::max<int64_t>(0, length - window);
    std::vector<kernels_run> far_runs, near_runs;
    if (strategy == Strategy::kLmInfinite) list(far_runs, layer, 0, std::min<int64_t>(4, near), 0);
    if (strategy == Strategy::kReattention && near > 0) {
      int64_t index = 0;
      for (int64_t row : best(layer, tokens, near)) list(far_runs, layer, row, row + 1, index++);
    }
    list(near_runs, layer, near, end, 0);
    const int64_t far_starts[] = {0, static_cast<int64_t>(far_runs.size())};
    const int64_t near_starts[] = {0, static_cast<int64_t>(near_runs.size())};
    kernels_segment segments[2] = {};
    for (kernels_segment &segment : segments) {
      segment.groups = 1;
      segment.key_stride = 1;
      segment.query_to = INT64_MAX;
      segment.logit_scale = 1;
      segment.resident = device == card;
    }
    segments[0].runs = near_runs.data();
    segments[0].run_starts = near_starts;
    segments[1].runs = far_runs.data();
    segments[1].run_starts = far_starts;
    double frequencies[kDim / 2];
    for (int i = 0; i < kDim / 2; i++) frequencies[i] = std::pow(10000., -2. * i / kDim);
    kernels_attention call = {};
    call.queries = q.floats();
    call.out = mixed.floats();
    call.tokens = tokens;
    call.heads = kHeads;
    call.first_row = length;
    call.scale = 0.25;
    call.frequencies = frequencies;
    call.pairs = kDim / 2;
    call.attention_factor = 1;
    call.layout = &layout;
    call.segments = segments;
    call.segment_count = far_runs.empty() ? 1 : 2;
    done(kernels_attend(device, &call), "attend");
  }

  void product(float *from, int64_t tokens, int64_t inner, const std::vector<float> &weight, float *to) {
    const kernels_product one = {weight.data(), to, static_cast<int64_t>(weight.size()) / inner, KERNELS_F32};
    done(kernels_matmul(device, from, tokens, inner, &one, 1), "matmul");
  }

  void norm(const std::vector<float> &gain, int64_t tokens) {
    done(kernels_rms_norm(device, x.floats(), gain.data(), 1e-5, tokens, kWidth, normed.floats()), "rms_norm");
  }

  // Half of the layers in the manner of one family, half in that of another.
  void layer(int64_t number, int64_t tokens) {
    const Weights::Layer &w = weights.layers[static_cast<size_t>(number)];
    if (number % 2 == 0) {
      norm(w.gain, tokens);
    } else {
      done(kernels_center(device, x.floats(), tokens, kWidth, normed.floats()), "center");
      done(kernels_rms_norm(device, normed.floats(), w.gain.data(), 1e-5, tokens, kWidth, normed.floats()), "rms_norm");
    }
    product(normed.floats(), tokens, kWidth, w.q, q.floats());
    product(normed.floats(), tokens, kWidth, w.k, k.floats());
    product(normed.floats(), tokens, kWidth, w.v, v.floats());
    std::vector<kernels_place> places;
    for (int64_t t = 0; t < tokens;) {
      const int64_t row = length + t, count = std::min(tokens - t, kRows - row % kRows);
      places.push_back({key(number, row), t, count});
      t += count;
    }
    done(kernels_store(device, &layout, k.floats(), v.floats(), places.data(), static_cast<int64_t>(places.size())),
         "store");
    attend(number, tokens);
    product(mixed.floats(), tokens, kWidth, w.o, normed.floats());
    done(kernels_add(device, x.floats(), normed.floats(), tokens * kWidth), "add");
    norm(w.gain, tokens);
    product(normed.floats(), tokens, kWidth, w.gate, gate.floats());
    product(normed.floats(), tokens, kWidth, w.up, up.floats());
    if (number % 2 == 0) {
      done(kernels_swi_glu(device, gate.floats(), up.floats(), tokens * kInner), "swi_glu");
    } else {
      done(kernels_map(device, KERNELS_GELU, 0, gate.floats(), tokens * kInner), "map");
      done(kernels_map(device, KERNELS_CLAMP, 3, gate.floats(), tokens * kInner), "map");
      done(kernels_multiply(device, gate.floats(), up.floats(), tokens * kInner), "multiply");
    }
    product(gate.floats(), tokens, kInner, w.down, normed.floats());
    done(kernels_add(device, x.floats(), normed.floats(), tokens * kWidth), "add");
  }

  // (kWidth), the last token's
  std::vector<float> read(const std::vector<int32_t> &ids) {
    const int64_t tokens = static_cast<int64_t>(ids.size());
    while (static_cast<int64_t>(pages.size()) * kRows < length + tokens) {
      pages.push_back(std::make_unique<Room>(device, kLayers * kKvHeads * layout.head_stride));
    }
    done(kernels_gather(device, table(), KERNELS_F32, kWidth, ids.data(), tokens, x.floats()), "gather");
    done(kernels_map(device, KERNELS_SCALE, 1.5, x.floats(), tokens * kWidth), "map");
    for (int64_t l = 0; l < kLayers; l++) layer(l, tokens);
    length += tokens;
    return x.read((tokens - 1) * kWidth, kWidth);
  }

  const void *table() {
    if (copies.empty()) {
      copies.push_back(std::make_unique<Room>(device, static_cast<int64_t>(weights.table.size()) * 4));
      copies[0]->write(weights.table);
    }
    return copies[0]->at;
  }
};

void sessions() {
  const Weights weights;
  for (Strategy strategy : {Strategy::kFull, Strategy::kLmInfinite, Strategy::kReattention}) {
    for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
      Reader there(card, weights, strategy, dtype), here(processor, weights, strategy, dtype);
      std::vector<int64_t> blocks(5, kMost);
      blocks.insert(blocks.end(), {7, 1, 1, 1});
      int32_t word = 3;
      for (size_t b = 0; b < blocks.size(); b++) {
        std::vector<int32_t> ids;
        for (int64_t i = 0; i < blocks[b]; i++) ids.push_back(word = (word * 17 + 5) % kWords);
        const std::vector<float> found = there.read(ids), expected = here.read(ids);
        float largest = 0, worst = 0;
        for (size_t i = 0; i < found.size(); i++) {
          largest = std::max(largest, std::fabs(expected[i]));
          // what is no number is worse than all
          worst = std::fabs(found[i] - expected[i]) <= worst ? worst : std::fabs(found[i] - expected[i]);
        }
        // what is rounded to another neighbour differs by a step of its type
        const float allowed = dtype == KERNELS_KV_Q8 ? 2e-2f : dtype == KERNELS_KV_F16 ? 2e-3f : 1e-4f;
        expect(worst <= allowed * largest, "strategy " + std::to_string(static_cast<int>(strategy)) + ", rows of type " +
                                               std::to_string(dtype) + ", block " + std::to_string(b) + " differs by " +
                                               std::to_string(worst) + " of " + std::to_string(largest));
      }
    }
  }
}

}  // namespace

int main() {
  int32_t isa = 0;
  while (kernels_isa_missing(isa) != nullptr) isa++;
  if (kernels_open_card(0, 1, &card) != KERNELS_OK || kernels_open(isa, 1, &processor) != KERNELS_OK) {
    std::fprintf(stderr, "Cannot open a card: %s\n", kernels_last_error());
    return 1;
  }
  stored_rows();
  sessions();
  kernels_close(card);
  kernels_close(processor);
  return end("sessions on cards");
}
