// Before a card serves anybody it answers a few small questions as the processor does.
#include "card_check.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "../kv_rows.h"
#include "sizes.h"

namespace longform::card {
namespace {

struct Numbers {
  uint64_t state = 9;

  // from -1 to 1
  float next() {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<float>(state >> 40) / 8388608.f - 1;
  }
  std::vector<float> draw(int64_t count) {
    std::vector<float> all(static_cast<size_t>(count));
    for (float &x : all) x = next();
    return all;
  }
};

void done(int32_t status, const char *operation) {
  if (status != KERNELS_OK) throw std::runtime_error(std::string(operation) + ": " + kernels_last_error());
}

// How they differ, as part of a sentence, if they do.
std::string differing(const std::vector<float> &found, const std::vector<float> &expected) {
  float largest = 0;
  for (float x : expected) largest = std::max(largest, std::fabs(x));
  for (size_t i = 0; i < expected.size(); i++) {
    if (std::fabs(found[i] - expected[i]) <= 1e-4f * largest) continue;
    return "gives " + std::to_string(found[i]) + " and not " + std::to_string(expected[i]);
  }
  return "";
}

void compare(const char *operation, const std::vector<float> &found, const std::vector<float> &expected) {
  const std::string how = differing(found, expected);
  if (!how.empty()) throw std::runtime_error("its answers are wrong (" + std::string(operation) + " " + how + ")");
}

// x · wᵀ of drawn numbers.
struct Product {
  static constexpr int64_t kInner = 256, kOuter = 70;
  int64_t dtype, tokens;
  std::vector<float> x, floats;
  std::vector<uint16_t> halves;
  std::vector<unsigned char> codes;

  Product(int64_t of_dtype, int64_t of_tokens) : dtype(of_dtype), tokens(of_tokens) {
    Numbers numbers;
    x = numbers.draw(tokens * kInner);
    floats = numbers.draw(kOuter * kInner);
    // 2^-7 to 2 as float16, to 2^-3 as bfloat16
    for (float w : floats) {
      const int bits = static_cast<int>(std::fabs(w) * 8191), sign = w < 0 ? 0x8000 : 0;
      halves.push_back(static_cast<uint16_t>(sign | (dtype == KERNELS_F16 ? 0x2000 + bits : 0x3c00 + bits / 16)));
    }
    for (int64_t b = 0; b < kOuter * kInner / 32; b++) {
      // a scale of 1/64 in float16
      codes.insert(codes.end(), {0, 0x24});
      for (int i = 0; i < 32; i++) codes.push_back(static_cast<unsigned char>(static_cast<int>(numbers.next() * 127)));
    }
  }

  template <typename Multiply>
  std::vector<float> by(Multiply multiply) const {
    std::vector<float> out(static_cast<size_t>(tokens * kOuter));
    const void *stored = dtype == KERNELS_F32    ? static_cast<const void *>(floats.data())
                         : dtype == KERNELS_Q8_0 ? static_cast<const void *>(codes.data())
                                                 : halves.data();
    const kernels_product product = {stored, out.data(), kOuter, dtype};
    multiply(product);
    return out;
  }
  std::vector<float> by(kernels_device *device) const {
    return by([&](const kernels_product &product) {
      done(kernels_matmul(device, x.data(), tokens, kInner, &product, 1), "matmul");
    });
  }
};

// Rows of keys and values, [head][key or value][row], and queries: enough of them for tensor cores, where these serve.
struct Cache {
  static constexpr int64_t kRows = 200, kKvHeads = 2, kHeads = 8, kTokens = 5;
  int64_t dim;
  Numbers numbers;
  std::vector<float> queries;
  std::vector<char> memory;
  kernels_kv_layout layout;
  kernels_run run;

  Cache(int64_t dtype, int64_t head_dim) : dim(head_dim), queries(numbers.draw(kTokens * kHeads * dim)) {
    const int64_t bytes = dtype == KERNELS_KV_F32   ? 4 * dim
                          : dtype == KERNELS_KV_F16 ? 2 * dim
                                                    : dim + (dim + 31) / 32 * 2;
    layout = {dtype, kKvHeads, dim, bytes, bytes * kRows, 2 * bytes * kRows};
    memory.resize(static_cast<size_t>(2 * kKvHeads * kRows * bytes));
    for (int64_t i = 0; i < 2 * kKvHeads * kRows; i++) {
      kv::store_row(dtype, numbers.draw(dim).data(), dim, memory.data() + i * bytes);
    }
    run = {memory.data(), 0, 0, kRows};
  }

  // Of the first tokens' queries, in the last rows.
  std::vector<float> attend(kernels_device *device, int64_t tokens) const {
    std::vector<double> frequencies;
    for (int64_t i = 0; i < dim / 2; i++) {
      frequencies.push_back(std::pow(10000., -2. * static_cast<double>(i) / static_cast<double>(dim)));
    }
    const int64_t starts[] = {0, 1};
    kernels_segment segment = {};
    segment.runs = &run;
    segment.run_starts = starts;
    segment.groups = 1;
    segment.key_stride = 1;
    segment.band = KERNELS_BAND_NEAR;
    segment.width = 150;
    segment.query_to = INT64_MAX;
    segment.logit_scale = 1;
    std::vector<float> out(static_cast<size_t>(tokens * kHeads * dim));
    kernels_attention call = {};
    call.queries = queries.data();
    call.out = out.data();
    call.tokens = tokens;
    call.heads = kHeads;
    call.first_row = kRows - tokens;
    call.scale = 0.3;
    call.frequencies = frequencies.data();
    call.pairs = dim / 2;
    call.attention_factor = 1;
    call.layout = &layout;
    call.segments = &segment;
    call.segment_count = 1;
    done(kernels_attend(device, &call), "attend");
    return out;
  }

  // Of the first tokens' queries.
  std::vector<float> best_scores(kernels_device *device, int64_t tokens) const {
    constexpr int64_t kBest = 4;
    std::vector<float> scores(static_cast<size_t>(tokens * kHeads * kBest));
    std::vector<int64_t> rows(scores.size());
    int64_t rescored = 0;
    kernels_top_keys_request request = {};
    request.queries = queries.data();
    request.query_count = tokens;
    request.heads = kHeads;
    request.layout = &layout;
    request.runs = &run;
    request.run_count = 1;
    request.to = kRows;
    request.k = kBest;
    request.block_rows = 1;
    request.rows = rows.data();
    request.scores = scores.data();
    request.rescored = &rescored;
    done(kernels_top_keys(device, &request), "top_keys");
    return scores;
  }
};

// What the host copies there is what the card reads, and the other way round, in the order of the calls.
void check_copies(kernels_device *card) {
  constexpr int64_t kCount = 5000;
  const int64_t bytes = kCount * static_cast<int64_t>(sizeof(float));
  void *x = nullptr, *y = nullptr;
  done(kernels_card_take(card, bytes, &x), "memory of the card");
  done(kernels_card_take(card, bytes, &y), "memory of the card");
  const std::vector<float> drawn = Numbers().draw(kCount);
  done(kernels_card_copy(card, x, drawn.data(), bytes), "a copy to the card");
  // y is zeros
  done(kernels_add(card, static_cast<float *>(y), static_cast<float *>(x), kCount), "add");
  done(kernels_add(card, static_cast<float *>(x), static_cast<float *>(y), kCount), "add");
  std::vector<float> sums(kCount), copied(kCount), expected;
  done(kernels_card_copy(card, sums.data(), x, bytes), "a copy from the card");
  done(kernels_card_copy(card, copied.data(), y, bytes), "a copy from the card");
  for (float value : drawn) expected.push_back(2 * value);
  compare("add", sums, expected);
  compare("add to zeros", copied, drawn);
  done(kernels_card_release(card, x), "release");
  done(kernels_card_release(card, y), "release");
}

// A search by sketches finds what one finds that reads all keys.
void check_sketches(kernels_device *card, kernels_device *processor) {
  constexpr int64_t kPages = 32, kRows = kPages * KERNELS_SKETCH_ROWS, kHeads = 4, kDim = 64, kBest = 4;
  const kernels_kv_layout layout = {
      KERNELS_KV_F16, 1, kDim, 2 * kDim, 2 * kDim * KERNELS_SKETCH_ROWS, 4 * kDim * KERNELS_SKETCH_ROWS};
  const int64_t page_bytes = layout.head_stride, sketch_bytes = kernels_sketch_bytes(kDim);
  Numbers numbers;
  const std::vector<float> keys = numbers.draw(kRows * kDim), queries = numbers.draw(kHeads * kDim);
  std::vector<char> stored(static_cast<size_t>(kPages * page_bytes));
  std::vector<kernels_place> places;
  for (int64_t p = 0; p < kPages; p++) {
    places.push_back({stored.data() + p * page_bytes, p * KERNELS_SKETCH_ROWS, KERNELS_SKETCH_ROWS});
  }
  done(kernels_store(processor, &layout, keys.data(), keys.data(), places.data(), kPages), "store");

  void *pages = nullptr, *sketches = nullptr, *runs = nullptr;
  done(kernels_card_take(card, kPages * page_bytes, &pages), "memory of the card");
  done(kernels_card_take(card, kPages * sketch_bytes, &sketches), "memory of the card");
  done(kernels_card_take(card, kPages * static_cast<int64_t>(sizeof(kernels_run)), &runs), "memory of the card");
  done(kernels_card_copy(card, pages, stored.data(), kPages * page_bytes), "a copy to the card");
  std::vector<kernels_sketch_page> sketched;
  std::vector<const char *> places_of_sketches;
  std::vector<kernels_run> here, there;
  for (int64_t p = 0; p < kPages; p++) {
    const int64_t first = p * KERNELS_SKETCH_ROWS;
    char *key = static_cast<char *>(pages) + p * page_bytes, *sketch = static_cast<char *>(sketches) + p * sketch_bytes;
    sketched.push_back({key, sketch});
    places_of_sketches.push_back(sketch);
    here.push_back({stored.data() + p * page_bytes, first, first, KERNELS_SKETCH_ROWS});
    there.push_back({key, first, first, KERNELS_SKETCH_ROWS});
  }
  done(kernels_sketch(card, &layout, sketched.data(), kPages), "sketches");
  done(kernels_card_copy(card, runs, there.data(), kPages * static_cast<int64_t>(sizeof(kernels_run))),
       "a copy to the card");

  std::vector<float> found(kHeads * kBest), expected(kHeads * kBest);
  std::vector<int64_t> rows(kHeads * kBest);
  int64_t rescored = 0;
  kernels_top_keys_request request = {};
  request.queries = queries.data();
  request.query_count = 1;
  request.heads = kHeads;
  request.layout = &layout;
  request.runs = here.data();
  request.run_count = kPages;
  request.to = kRows;
  request.k = kBest;
  request.block_rows = 1;
  request.rows = rows.data();
  request.scores = expected.data();
  request.rescored = &rescored;
  done(kernels_top_keys(processor, &request), "top_keys");
  request.runs = static_cast<const kernels_run *>(runs);
  request.resident = 1;
  request.sketches = places_of_sketches.data();
  request.scores = found.data();
  done(kernels_top_keys(card, &request), "top_keys");
  compare("top_keys by sketches", found, expected);
  for (void *memory : {pages, sketches, runs}) done(kernels_card_release(card, memory), "release");
}

}  // namespace

bool check_library(CardDevice &card, kernels_device *processor) {
  for (int64_t dtype : {KERNELS_F16, KERNELS_BF16}) {
    const Product product(dtype, kLeastLibraryTokens + 3);
    const std::vector<float> found = product.by([&](const kernels_product &one) {
      card.matmul(product.x.data(), product.tokens, Product::kInner, &one, 1);
    });
    if (!differing(found, product.by(processor)).empty()) {
      card.leave_library();
      return false;
    }
  }
  return true;
}

void check_card(kernels_device *card, kernels_device *processor) {
  for (int64_t dtype : {KERNELS_F32, KERNELS_F16, KERNELS_BF16, KERNELS_Q8_0}) {
    for (int64_t tokens : {3, 20}) {
      const Product product(dtype, tokens);
      compare("matmul", product.by(card), product.by(processor));
    }
  }
  for (int64_t dtype : {KERNELS_KV_F32, KERNELS_KV_F16, KERNELS_KV_Q8}) {
    for (int64_t dim : {64, 128}) {
      const Cache cache(dtype, dim);
      for (int64_t tokens : {int64_t{1}, Cache::kTokens}) {
        compare("attend", cache.attend(card, tokens), cache.attend(processor, tokens));
        compare("top_keys", cache.best_scores(card, tokens), cache.best_scores(processor, tokens));
      }
    }
  }
  check_copies(card);
  check_sketches(card, processor);
}

}  // namespace longform::card
