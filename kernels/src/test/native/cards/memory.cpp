// Operations on memory of a card: row-wise ones against loops in float64, and a whole layer of a decoder without a
// step through the host against the processor's kernels.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace {

using longform::test::checks;
using longform::test::end;
using longform::test::expect;
using longform::test::fail;

std::mt19937 draws(11);
float uniform() { return std::uniform_real_distribution<float>(-1, 1)(draws); }
std::vector<float> draw(int64_t count, float size = 1) {
  std::vector<float> x(static_cast<size_t>(count));
  for (float &v : x) v = size * uniform();
  return x;
}

kernels_device *card = nullptr;
kernels_device *processor = nullptr;

void done(int32_t status, const std::string &what) {
  expect(status == KERNELS_OK, what + ": " + kernels_last_error());
}

// Floats, bytes or numbers in memory of the card.
template <typename T>
struct OnCard {
  explicit OnCard(const std::vector<T> &from) : OnCard(static_cast<int64_t>(from.size())) {
    if (count > 0) done(kernels_card_copy(card, memory, from.data(), bytes()), "copy to the card");
  }
  explicit OnCard(int64_t count_) : count(count_) {
    void *address = nullptr;
    done(kernels_card_allocate(card, bytes(), &address), "allocate");
    memory = static_cast<T *>(address);
  }
  OnCard(const OnCard &) = delete;
  OnCard &operator=(const OnCard &) = delete;
  ~OnCard() { kernels_card_release(card, memory); }

  int64_t bytes() const { return count * static_cast<int64_t>(sizeof(T)); }
  std::vector<T> read() const {
    std::vector<T> all(static_cast<size_t>(count));
    done(kernels_card_copy(card, all.data(), memory, bytes()), "copy from the card");
    return all;
  }

  int64_t count;
  T *memory;
};

void compare(const std::string &what, const std::vector<float> &found, const std::vector<double> &expected,
             double relative) {
  for (size_t i = 0; i < expected.size(); i++) {
    checks++;
    if (std::fabs(found[i] - expected[i]) <= relative * std::max(1e-3, std::fabs(expected[i]))) continue;
    fail(what + "[" + std::to_string(i) + "] is " + std::to_string(found[i]) + ", expected " +
         std::to_string(expected[i]));
    return;
  }
}

void row_wise() {
  for (int64_t width : {1, 2, 31, 127, 128, 129, 1000, 4097}) {
    const int64_t tokens = 3;
    const std::vector<float> x = draw(tokens * width, 3), y = draw(tokens * width, 2), gain = draw(width);
    const std::string size = " of " + std::to_string(width);
    OnCard<float> there(x), other(y), gains(gain), out(tokens * width);
    std::vector<double> expected;

    done(kernels_rms_norm(card, there.memory, gains.memory, 1e-5, tokens, width, out.memory), "rms_norm");
    for (int64_t t = 0; t < tokens; t++) {
      double squares = 0;
      for (int64_t i = 0; i < width; i++) squares += std::pow(x[static_cast<size_t>(t * width + i)], 2);
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
      for (int64_t i = 0; i < width; i++) {
        expected.push_back(x[static_cast<size_t>(t * width + i)] * inverse * gain[static_cast<size_t>(i)]);
      }
    }
    compare("rms_norm" + size, out.read(), expected, 2e-6);

    done(kernels_add_bias(card, there.memory, gains.memory, tokens, width), "add_bias");
    done(kernels_add(card, there.memory, other.memory, tokens * width), "add");
    std::vector<double> sums;
    for (size_t i = 0; i < x.size(); i++) sums.push_back((x[i] + gain[i % static_cast<size_t>(width)]) + y[i]);
    compare("add" + size, there.read(), sums, 1e-7);

    // one side on the host
    done(kernels_swi_glu(card, other.memory, x.data(), tokens * width), "swi_glu");
    std::vector<double> gated;
    for (size_t i = 0; i < x.size(); i++) gated.push_back(y[i] / (1 + std::exp(-static_cast<double>(y[i]))) * x[i]);
    compare("swi_glu" + size, other.read(), gated, 2e-6);
  }
}

double mapped(int32_t function, double p, double x) {
  switch (function) {
    case KERNELS_SILU: return x / (1 + std::exp(-x));
    case KERNELS_GELU: return x * std::erfc(-x / std::sqrt(2.)) / 2;
    case KERNELS_GELU_TANH: return x / (1 + std::exp(-2 * std::sqrt(2 / std::acos(-1.)) * (x + 0.044715 * x * x * x)));
    case KERNELS_SCALE: return p * x;
    case KERNELS_SOFT_CAP: return p * std::tanh(x / p);
    default: return std::max(-p, std::min(p, x));
  }
}

void functions() {
  for (int64_t count : {1, 127, 129, 1000}) {
    const std::vector<float> x = draw(count, 9), y = draw(count, 2);
    for (int32_t function = KERNELS_SILU; function <= KERNELS_CLAMP; function++) {
      OnCard<float> there(x);
      done(kernels_map(card, function, 2.5, there.memory, count), "map");
      std::vector<double> expected;
      for (float value : x) expected.push_back(mapped(function, 2.5, value));
      compare("function " + std::to_string(function), there.read(), expected, 1e-5);
    }
    OnCard<float> there(x), other(y);
    done(kernels_multiply(card, there.memory, other.memory, count), "multiply");
    std::vector<double> products;
    for (size_t i = 0; i < x.size(); i++) products.push_back(x[i] * y[i]);
    compare("products", there.read(), products, 1e-7);
  }
}

void center() {
  for (int64_t width : {1, 31, 128, 1000}) {
    const int64_t tokens = 3;
    const std::vector<float> x = draw(tokens * width, 3);
    OnCard<float> there(x);
    done(kernels_center(card, there.memory, tokens, width, there.memory), "center");
    std::vector<double> expected;
    for (int64_t t = 0; t < tokens; t++) {
      double sum = 0;
      for (int64_t i = 0; i < width; i++) sum += x[static_cast<size_t>(t * width + i)];
      for (int64_t i = 0; i < width; i++) {
        expected.push_back(x[static_cast<size_t>(t * width + i)] - sum / static_cast<double>(width));
      }
    }
    compare("center of " + std::to_string(width), there.read(), expected, 1e-6);
    std::vector<float> here = x;
    done(kernels_center(processor, here.data(), tokens, width, here.data()), "center");
    compare("center on the processor", here, expected, 1e-6);
  }
}

void gather() {
  const int64_t inner = 64;
  const std::vector<float> table = draw(5 * inner);
  const std::vector<int32_t> ids = {4, 0, 4, 2};
  OnCard<float> there(table), out(4 * inner);
  done(kernels_gather(card, there.memory, KERNELS_F32, inner, ids.data(), 4, out.memory), "gather");
  const std::vector<float> found = out.read();
  for (size_t t = 0; t < ids.size(); t++) {
    for (size_t i = 0; i < inner; i++) {
      expect(found[t * inner + i] == table[static_cast<size_t>(ids[t]) * inner + i], "gather takes another element");
    }
  }
}

// A decoder layer of H = 4, G = 2, D = 16 over a cache of 64 rows, the last T of them new.
struct Layer {
  static constexpr int64_t kTokens = 5, kWidth = 64, kHeads = 4, kKvHeads = 2, kDim = 16, kInner = 96, kRows = 64;

  std::vector<float> x = draw(kTokens * kWidth), gain = draw(kWidth), wq = draw(kWidth * kWidth, 0.2f),
                     wo = draw(kWidth * kWidth, 0.2f), w1 = draw(kInner * kWidth, 0.2f),
                     w2 = draw(kWidth * kInner, 0.2f), w3 = draw(kInner * kWidth, 0.2f),
                     cache = draw(kKvHeads * 2 * kRows * kDim);

  // What a layer makes of x; addresses are those of the device.
  static void run(kernels_device *device, float *at, float *scratch, const float *gain, const float *wq,
                  const float *wo, const float *w1, const float *w2, const float *w3, const float *cache) {
    float *normed = scratch, *queries = normed + kTokens * kWidth, *mixed = queries + kTokens * kWidth,
          *gate = mixed + kTokens * kWidth, *up = gate + kTokens * kInner, *down = up + kTokens * kInner;
    done(kernels_rms_norm(device, at, gain, 1e-5, kTokens, kWidth, normed), "rms_norm");
    const kernels_product query = {wq, queries, kWidth, KERNELS_F32};
    done(kernels_matmul(device, normed, kTokens, kWidth, &query, 1), "matmul");
    const kernels_kv_layout layout = {KERNELS_KV_F32, kKvHeads, kDim, kDim * 4, kRows * kDim * 4, 2 * kRows * kDim * 4};
    const kernels_run run = {reinterpret_cast<const char *>(cache), 0, 0, kRows};
    const int64_t starts[] = {0, 1};
    kernels_segment segment = {};
    segment.runs = &run;
    segment.run_starts = starts;
    segment.groups = 1;
    segment.key_stride = 1;
    segment.query_to = INT64_MAX;
    segment.logit_scale = 1;
    double frequencies[kDim / 2];
    for (int i = 0; i < kDim / 2; i++) frequencies[i] = std::pow(10000., -2. * i / kDim);
    kernels_attention call = {};
    call.queries = queries;
    call.out = mixed;
    call.tokens = kTokens;
    call.heads = kHeads;
    call.first_row = kRows - kTokens;
    call.scale = 0.25;
    call.frequencies = frequencies;
    call.pairs = kDim / 2;
    call.attention_factor = 1;
    call.layout = &layout;
    call.segments = &segment;
    call.segment_count = 1;
    done(kernels_attend(device, &call), "attend");
    const kernels_product output = {wo, queries, kWidth, KERNELS_F32};
    done(kernels_matmul(device, mixed, kTokens, kWidth, &output, 1), "matmul");
    done(kernels_add(device, at, queries, kTokens * kWidth), "add");
    done(kernels_rms_norm(device, at, gain, 1e-5, kTokens, kWidth, normed), "rms_norm");
    const kernels_product wide[] = {{w1, gate, kInner, KERNELS_F32}, {w3, up, kInner, KERNELS_F32}};
    done(kernels_matmul(device, normed, kTokens, kWidth, wide, 2), "matmul");
    done(kernels_swi_glu(device, gate, up, kTokens * kInner), "swi_glu");
    const kernels_product narrow = {w2, down, kWidth, KERNELS_F32};
    done(kernels_matmul(device, gate, kTokens, kInner, &narrow, 1), "matmul");
    done(kernels_add(device, at, down, kTokens * kWidth), "add");
  }

  void check() {
    const int64_t scratch = 3 * kTokens * kWidth + 2 * kTokens * kInner + kTokens * kWidth;
    std::vector<float> here = x, space(static_cast<size_t>(scratch));
    run(processor, here.data(), space.data(), gain.data(), wq.data(), wo.data(), w1.data(), w2.data(), w3.data(),
        cache.data());
    OnCard<float> there(x), room(scratch), g(gain), a(wq), b(wo), c(w1), d(w2), e(w3), kv(cache);
    run(card, there.memory, room.memory, g.memory, a.memory, b.memory, c.memory, d.memory, e.memory, kv.memory);
    compare("a layer", there.read(), std::vector<double>(here.begin(), here.end()), 1e-4);
  }
};

// --- copies on the card, against the same on a list of bytes ---

void copies() {
  constexpr int64_t kBytes = 20000;
  for (int round = 0; round < 200; round++) {
    std::vector<uint8_t> here(kBytes);
    for (uint8_t &each : here) each = static_cast<uint8_t>(draws());
    OnCard<uint8_t> there(here);
    // places in order, of which none is written twice; what is read may be written by any other piece
    const int64_t step = round % 4 == 0 ? 16 : round % 4 == 1 ? 4 : 1;
    std::vector<kernels_piece> pieces;
    std::vector<uint8_t> expected = here;
    for (int64_t to = static_cast<int64_t>(draws() % 300) * step; pieces.size() < 1 + round % 30u;) {
      const int64_t bytes = static_cast<int64_t>(1 + draws() % 40) * step;
      const int64_t from = static_cast<int64_t>(draws()) % ((kBytes - bytes) / step) * step;
      if (to + bytes > kBytes) break;
      pieces.push_back({reinterpret_cast<char *>(there.memory) + from, reinterpret_cast<char *>(there.memory) + to, bytes});
      std::copy_n(here.begin() + from, bytes, expected.begin() + to);
      to += bytes + static_cast<int64_t>(draws() % 3) * step;
    }
    std::shuffle(pieces.begin(), pieces.end(), draws);
    done(kernels_copy(card, pieces.data(), static_cast<int64_t>(pieces.size())), "copy");
    expect(there.read() == expected, std::to_string(pieces.size()) + " pieces give other bytes");
  }
  // between operations, in the order of the calls
  const std::vector<float> x = draw(500), ones(500, 1);
  OnCard<float> first(x), second(500), third(500), one(ones);
  const auto piece = [](const OnCard<float> &from, const OnCard<float> &to) {
    return kernels_piece{reinterpret_cast<const char *>(from.memory), reinterpret_cast<char *>(to.memory), 2000};
  };
  const kernels_piece on = piece(first, second), further = piece(second, third), none = {nullptr, nullptr, 0};
  done(kernels_add(card, first.memory, one.memory, 500), "add");
  done(kernels_copy(card, &on, 1), "copy");
  done(kernels_add(card, first.memory, one.memory, 500), "add");
  done(kernels_copy(card, &further, 1), "copy");
  done(kernels_add(card, second.memory, one.memory, 500), "add");
  done(kernels_copy(card, &none, 0), "copy nothing");
  const std::vector<float> a = first.read(), b = second.read(), c = third.read();
  for (size_t i = 0; i < 500; i++) {
    expect(c[i] == x[i] + 1 && a[i] == c[i] + 1 && b[i] == a[i], "a copy is not done in the order of the calls");
  }
  std::vector<float> host(500, 7);
  const kernels_piece outwards = {on.from, reinterpret_cast<char *>(host.data()), 2000};
  expect(kernels_copy(card, &outwards, 1) == KERNELS_UNSUPPORTED && host[0] == 7, "a copy to the host is done");
  const kernels_piece within = {reinterpret_cast<char *>(host.data()), reinterpret_cast<char *>(host.data() + 9), 4};
  expect(kernels_copy(processor, &within, 1) == KERNELS_UNSUPPORTED, "a processor copies for a card");
}

void refusals() {
  kernels_device *none = nullptr;
  expect(kernels_open_card(99, 1, &none) == KERNELS_INVALID && none == nullptr, "card 99 opens");
  expect(kernels_card_missing(99) != nullptr, "card 99 is here");
  expect(kernels_open_card(0, 0, &none) == KERNELS_INVALID && none == nullptr, "a card opens without threads");
  int64_t room = 0, all = 0;
  done(kernels_card_room(card, &room, &all), "room");
  expect(room > 0 && room <= all, "a card has no room");
}

}  // namespace

int main() {
  int32_t isa = 0;
  while (kernels_isa_missing(isa) != nullptr) isa++;
  if (kernels_open_card(0, 1, &card) != KERNELS_OK || kernels_open(isa, 1, &processor) != KERNELS_OK) {
    std::fprintf(stderr, "Cannot open a card: %s\n", kernels_last_error());
    return 1;
  }
  row_wise();
  functions();
  center();
  gather();
  copies();
  Layer().check();
  refusals();
  kernels_close(card);
  kernels_close(processor);
  return end("memory of cards");
}
