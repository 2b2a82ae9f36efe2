// The C interface: chooses an instruction set, splits row-wise work, and turns exceptions into
// statuses with a message.
#include "../kernels.h"

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>

#include "../cuda/card_check.h"
#include "../cuda/card_device.h"
#include "../cuda/host_copies.h"
#include "beside_card.h"
#include "formats.h"
#include "isa.h"
#include "kv_store.h"
#include "pool.h"
#include "../sketch.h"

struct kernels_device {
  kernels_device(const longform::Isa &chosen, int threads) : isa(chosen), pool(threads) {}

  const longform::Isa &isa;
  longform::Pool pool;
  // or none: the processor alone
  std::unique_ptr<longform::card::CardDevice> card;
};

namespace {

using longform::Arena;
using longform::Isa;

// best first
const Isa *const kIsas[] = {
#if defined(__x86_64__)
    &longform::kAvx512, &longform::kAvx2,
#elif defined(__aarch64__)
    &longform::kNeon,
#endif
    &longform::kScalar,
};
constexpr int32_t kIsaCount = sizeof(kIsas) / sizeof(kIsas[0]);

thread_local std::string last_error;

template <typename Operation>
int32_t guarded(Operation operation) {
  try {
    operation();
    return KERNELS_OK;
  } catch (const std::bad_alloc &) {
    last_error = "the operating system refused memory for scratch";
    return KERNELS_NO_MEMORY;
  } catch (const longform::card::CardFull &e) {
    last_error = e.what();
    return KERNELS_NO_MEMORY;
  } catch (const longform::card::CardLost &e) {
    last_error = e.what();
    return KERNELS_LOST;
  } catch (const longform::card::NotHere &e) {
    last_error = e.what();
    return KERNELS_UNSUPPORTED;
  } catch (const std::exception &e) {
    last_error = e.what();
    return KERNELS_INVALID;
  }
}

// Does an operation on the card. False if there is no card, or it does not do this: then the processor does, with
// copies of what lies on the card.
template <typename Operation>
bool on_card(kernels_device *device, Operation operation) {
  if (device->card == nullptr) return false;
  try {
    operation(*device->card);
    return true;
  } catch (const longform::card::NotHere &) {
    return false;
  }
}

// The same for what is too little work to copy for: only where it lies on the card.
template <typename Operation>
bool on_card_if_there(kernels_device *device, std::initializer_list<const void *> addresses, Operation operation) {
  if (device->card == nullptr) return false;
  for (const void *address : addresses) {
    if (device->card->holds(address)) return on_card(device, operation);
  }
  return false;
}

// elements of one piece of an elementwise operation: about ten microseconds
constexpr int64_t kPiece = 1 << 15;

struct Elementwise {
  void (*operation)(float *, const float *, int64_t);
  float *x;
  const float *y;
  int64_t elements;
};

void elementwise_piece(const void *data, int64_t piece, Arena &) {
  const Elementwise &job = *static_cast<const Elementwise *>(data);
  const int64_t from = piece * kPiece;
  job.operation(job.x + from, job.y + from, std::min(kPiece, job.elements - from));
}

void elementwise(kernels_device *device, const Elementwise &job) {
  device->pool.run((job.elements + kPiece - 1) / kPiece, elementwise_piece, &job);
}

struct Map {
  const Isa *isa;
  int32_t function;
  float parameter;
  float *x;
  int64_t elements;
};

void map_piece(const void *data, int64_t piece, Arena &) {
  const Map &job = *static_cast<const Map *>(data);
  const int64_t from = piece * kPiece;
  job.isa->map(job.function, job.parameter, job.x + from, std::min(kPiece, job.elements - from));
}

// rows of one piece of a row-wise operation
int64_t rows_of_piece(int64_t inner) { return std::max<int64_t>(1, kPiece / std::max<int64_t>(1, inner)); }

struct RmsNorm {
  const Isa *isa;
  const float *x;
  const float *gain;
  double epsilon;
  int64_t tokens;
  int64_t inner;
  float *out;
};

void rms_norm_piece(const void *data, int64_t piece, Arena &) {
  const RmsNorm &job = *static_cast<const RmsNorm *>(data);
  const int64_t rows = rows_of_piece(job.inner);
  for (int64_t t = piece * rows; t < std::min(job.tokens, (piece + 1) * rows); t++) {
    job.isa->rms_norm(job.x + t * job.inner, job.gain, job.epsilon, job.inner, job.out + t * job.inner);
  }
}

struct Center {
  const float *x;
  int64_t tokens;
  int64_t inner;
  float *out;
};

void center_piece(const void *data, int64_t piece, Arena &) {
  const Center &job = *static_cast<const Center *>(data);
  const int64_t rows = rows_of_piece(job.inner);
  for (int64_t t = piece * rows; t < std::min(job.tokens, (piece + 1) * rows); t++) {
    const float *x = job.x + t * job.inner;
    float *out = job.out + t * job.inner;
    double sum = 0;
    for (int64_t i = 0; i < job.inner; i++) sum += x[i];
    const double mean = sum / static_cast<double>(job.inner);
    for (int64_t i = 0; i < job.inner; i++) out[i] = static_cast<float>(x[i] - mean);
  }
}

}  // namespace

int32_t kernels_abi(void) { return KERNELS_ABI; }

const char *kernels_last_error(void) { return last_error.c_str(); }

int32_t kernels_isa_count(void) { return kIsaCount; }

const char *kernels_isa_name(int32_t isa) { return isa >= 0 && isa < kIsaCount ? kIsas[isa]->name : nullptr; }

const char *kernels_isa_missing(int32_t isa) {
  return isa >= 0 && isa < kIsaCount ? kIsas[isa]->missing() : "the library does not have it";
}

int32_t kernels_open(int32_t isa, int32_t threads, kernels_device **device) {
  if (isa < 0 || isa >= kIsaCount || threads < 1 || kIsas[isa]->missing() != nullptr) {
    last_error = "no such instruction set here, or no thread";
    return KERNELS_INVALID;
  }
  return guarded([&] { *device = new kernels_device(*kIsas[isa], threads); });
}

void kernels_close(kernels_device *device) { delete device; }

void kernels_enter(kernels_device *device) { device->pool.enter(); }

void kernels_leave(kernels_device *device) { device->pool.leave(); }

int32_t kernels_gather(kernels_device *device, const void *table, int32_t dtype, int64_t inner, const int32_t *ids,
                       int64_t tokens, float *out) {
  const char *rows = static_cast<const char *>(table);
  const int64_t row_bytes = longform::stored_bytes(dtype, inner);
  return guarded([&] {
    if (on_card(device, [&](auto &card) { card.gather(table, dtype, inner, ids, tokens, out); })) return;
    longform::card::HostCopies copies(device->card.get());
    float *to = copies.out(out, tokens * inner);
    for (int64_t t = 0; t < tokens; t++) {
      device->isa.widen(rows + ids[t] * row_bytes, dtype, inner, to + t * inner);
    }
    copies.finish();
  });
}

int32_t kernels_add_bias(kernels_device *device, float *x, const float *bias, int64_t tokens, int64_t outer) {
  return guarded([&] {
    if (on_card_if_there(device, {x, bias}, [&](auto &card) { card.add(x, bias, tokens * outer, outer); })) return;
    for (int64_t t = 0; t < tokens; t++) device->isa.add(x + t * outer, bias, outer);
  });
}

int32_t kernels_add(kernels_device *device, float *x, const float *y, int64_t elements) {
  return guarded([&] {
    if (on_card_if_there(device, {x, y}, [&](auto &card) { card.add(x, y, elements, elements); })) return;
    elementwise(device, {device->isa.add, x, y, elements});
  });
}

int32_t kernels_rms_norm(kernels_device *device, const float *x, const float *gain, double epsilon, int64_t tokens,
                         int64_t inner, float *out) {
  const RmsNorm job = {&device->isa, x, gain, epsilon, tokens, inner, out};
  const int64_t rows = rows_of_piece(inner);
  return guarded([&] {
    const auto on_it = [&](auto &card) { card.rms_norm(x, gain, epsilon, tokens, inner, out); };
    if (on_card_if_there(device, {x, gain, out}, on_it)) return;
    device->pool.run((tokens + rows - 1) / rows, rms_norm_piece, &job);
  });
}

int32_t kernels_center(kernels_device *device, const float *x, int64_t tokens, int64_t inner, float *out) {
  const Center job = {x, tokens, inner, out};
  const int64_t rows = rows_of_piece(inner);
  return guarded([&] {
    if (on_card_if_there(device, {x, out}, [&](auto &card) { card.center(x, tokens, inner, out); })) return;
    device->pool.run((tokens + rows - 1) / rows, center_piece, &job);
  });
}

int32_t kernels_swi_glu(kernels_device *device, float *gate, const float *up, int64_t elements) {
  return guarded([&] {
    if (on_card_if_there(device, {gate, up}, [&](auto &card) { card.swi_glu(gate, up, elements); })) return;
    elementwise(device, {device->isa.swi_glu, gate, up, elements});
  });
}

int32_t kernels_multiply(kernels_device *device, float *x, const float *y, int64_t elements) {
  return guarded([&] {
    if (on_card_if_there(device, {x, y}, [&](auto &card) { card.multiply(x, y, elements); })) return;
    elementwise(device, {device->isa.multiply, x, y, elements});
  });
}

int32_t kernels_map(kernels_device *device, int32_t function, double parameter, float *x, int64_t elements) {
  const Map job = {&device->isa, function, static_cast<float>(parameter), x, elements};
  return guarded([&] {
    if (on_card_if_there(device, {x}, [&](auto &card) { card.map(function, job.parameter, x, elements); })) return;
    device->pool.run((elements + kPiece - 1) / kPiece, map_piece, &job);
  });
}

int32_t kernels_matmul(kernels_device *device, const float *x, int64_t tokens, int64_t inner,
                       const kernels_product *products, int64_t count) {
  return guarded([&] {
    if (on_card(device, [&](auto &card) { card.matmul(x, tokens, inner, products, count); })) return;
    device->isa.matmul(device->pool, x, tokens, inner, products, count);
  });
}

int32_t kernels_store(kernels_device *device, const kernels_kv_layout *layout, const float *keys, const float *values,
                      const kernels_place *places, int64_t count) {
  return guarded([&] {
    if (device->card == nullptr) {
      longform::KvStore{*layout, keys, values, places, count}.run(device->pool);
    } else {
      longform::store_beside(*device->card, device->pool, *layout, keys, values, places, count);
    }
  });
}

int32_t kernels_attend(kernels_device *device, const kernels_attention *attention) {
  return guarded([&] {
    if (on_card(device, [&](auto &card) { card.attend(*attention); })) return;
    if (device->card == nullptr) {
      device->isa.attend(device->pool, *attention);
    } else {
      longform::attend_beside(*device->card, device->isa, device->pool, *attention);
    }
  });
}

int32_t kernels_top_keys(kernels_device *device, const kernels_top_keys_request *request) {
  return guarded([&] {
    if (on_card(device, [&](auto &card) { card.top_keys(*request); })) return;
    if (device->card == nullptr) {
      device->isa.top_keys(device->pool, *request);
    } else {
      longform::top_keys_beside(*device->card, device->isa, device->pool, *request);
    }
  });
}

int32_t kernels_votes(kernels_device *device, const kernels_votes_request *request) {
  return guarded([&] {
    if (device->card == nullptr) throw longform::card::NotHere("the device has no card");
    device->card->votes(*request);
  });
}

int32_t kernels_key_scores(kernels_device *device, const kernels_key_scores_request *request) {
  return guarded([&] {
    if (device->card == nullptr) throw longform::card::NotHere("the device has no card");
    device->card->key_scores(*request);
  });
}

int32_t kernels_spans(kernels_device *device, const kernels_spans_request *request) {
  return guarded([&] {
    if (device->card == nullptr) throw longform::card::NotHere("the device has no card");
    device->card->spans(*request);
  });
}

int64_t kernels_sketch_bytes(int64_t head_dim) { return longform::SketchLayout(head_dim).bytes; }

int32_t kernels_sketch(kernels_device *device, const kernels_kv_layout *layout, const kernels_sketch_page *pages,
                       int64_t count) {
  return guarded([&] {
    if (device->card != nullptr && count > 0 && device->card->holds(pages[0].sketch)) {
      device->card->sketch(*layout, pages, count);
    } else {
      device->isa.sketch(device->pool, *layout, pages, count);
    }
  });
}

int32_t kernels_card_count(void) { return longform::card::card_count(); }

const char *kernels_card_name(int32_t card) {
  thread_local std::string name;
  name = longform::card::card_name(card);
  return name.c_str();
}

const char *kernels_card_missing(int32_t card) {
  thread_local std::string missing;
  try {
    missing = longform::card::card_missing(card);
  } catch (const std::exception &e) {
    missing = e.what();
  }
  return missing.empty() ? nullptr : missing.c_str();
}

int32_t kernels_open_card(int32_t card, int32_t threads, kernels_device **device) {
  if (kernels_card_missing(card) != nullptr || threads < 1) {
    last_error = kernels_card_missing(card) != nullptr ? kernels_card_missing(card) : "no thread";
    return KERNELS_INVALID;
  }
  return guarded([&] {
    int32_t isa = 0;
    while (kIsas[isa]->missing() != nullptr) isa++;
    auto opened = std::make_unique<kernels_device>(*kIsas[isa], threads);
    opened->card = std::make_unique<longform::card::CardDevice>(longform::card::open_card(card));
    // cards that answered rightly in this process, and those whose library did not
    static std::atomic<uint64_t> sound{0}, without_library{0};
    const uint64_t bit = uint64_t{1} << (card & 63);
    if ((without_library.load() & bit) != 0) opened->card->leave_library();
    if ((sound.load() & bit) == 0) {
      kernels_device processor(*kIsas[isa], 1);
      if (!longform::card::check_library(*opened->card, &processor)) without_library |= bit;
      longform::card::check_card(opened.get(), &processor);
      sound |= bit;
    }
    *device = opened.release();
  });
}

int32_t kernels_card_allocate(kernels_device *device, int64_t bytes, void **memory) {
  return guarded([&] { *memory = device->card->allocate(bytes); });
}

int32_t kernels_card_take(kernels_device *device, int64_t bytes, void **memory) {
  return guarded([&] { *memory = device->card->take(bytes); });
}

int32_t kernels_card_take_pinned(kernels_device *device, int64_t bytes, void **memory) {
  return guarded([&] {
    if (device->card == nullptr) throw longform::card::NotHere("the device has no card");
    *memory = device->card->take_pinned(bytes);
  });
}

int32_t kernels_finish(kernels_device *device) {
  return guarded([&] {
    if (device->card != nullptr) device->card->finish();
  });
}

int32_t kernels_copy(kernels_device *device, const kernels_piece *pieces, int64_t count) {
  return guarded([&] {
    if (device->card == nullptr) throw longform::card::NotHere("the device has no card");
    device->card->copy_within(pieces, count);
  });
}

int32_t kernels_card_release(kernels_device *device, void *memory) {
  return guarded([&] { device->card->release(memory); });
}

int32_t kernels_card_copy(kernels_device *device, void *to, const void *from, int64_t bytes) {
  return guarded([&] { device->card->copy(to, from, bytes); });
}

int32_t kernels_card_room(kernels_device *device, int64_t *free_bytes, int64_t *bytes) {
  return guarded([&] { device->card->free_bytes(free_bytes, bytes); });
}
