// The C interface: chooses an instruction set, splits row-wise work, and turns exceptions into
// statuses with a message.
#include "../kernels.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>

#include "formats.h"
#include "isa.h"
#include "pool.h"
#include "sketch.h"

struct kernels_device {
  kernels_device(const longform::Isa &chosen, int threads) : isa(chosen), pool(threads) {}

  const longform::Isa &isa;
  longform::Pool pool;
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
  } catch (const std::exception &e) {
    last_error = e.what();
    return KERNELS_INVALID;
  }
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

int32_t elementwise(kernels_device *device, const Elementwise &job) {
  return guarded([&] { device->pool.run((job.elements + kPiece - 1) / kPiece, elementwise_piece, &job); });
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
    for (int64_t t = 0; t < tokens; t++) {
      device->isa.widen(rows + ids[t] * row_bytes, dtype, inner, out + t * inner);
    }
  });
}

int32_t kernels_add_bias(kernels_device *device, float *x, const float *bias, int64_t tokens, int64_t outer) {
  return guarded([&] {
    for (int64_t t = 0; t < tokens; t++) device->isa.add(x + t * outer, bias, outer);
  });
}

int32_t kernels_add(kernels_device *device, float *x, const float *y, int64_t elements) {
  return elementwise(device, {device->isa.add, x, y, elements});
}

int32_t kernels_rms_norm(kernels_device *device, const float *x, const float *gain, double epsilon, int64_t tokens,
                         int64_t inner, float *out) {
  const RmsNorm job = {&device->isa, x, gain, epsilon, tokens, inner, out};
  const int64_t rows = rows_of_piece(inner);
  return guarded([&] { device->pool.run((tokens + rows - 1) / rows, rms_norm_piece, &job); });
}

int32_t kernels_swi_glu(kernels_device *device, float *gate, const float *up, int64_t elements) {
  return elementwise(device, {device->isa.swi_glu, gate, up, elements});
}

int32_t kernels_multiply(kernels_device *device, float *x, const float *y, int64_t elements) {
  return elementwise(device, {device->isa.multiply, x, y, elements});
}

int32_t kernels_map(kernels_device *device, int32_t function, double parameter, float *x, int64_t elements) {
  const Map job = {&device->isa, function, static_cast<float>(parameter), x, elements};
  return guarded([&] { device->pool.run((elements + kPiece - 1) / kPiece, map_piece, &job); });
}

int32_t kernels_matmul(kernels_device *device, const float *x, int64_t tokens, int64_t inner,
                       const kernels_product *products, int64_t count) {
  return guarded([&] { device->isa.matmul(device->pool, x, tokens, inner, products, count); });
}

int32_t kernels_attend(kernels_device *device, const kernels_attention *attention) {
  return guarded([&] { device->isa.attend(device->pool, *attention); });
}

int32_t kernels_top_keys(kernels_device *device, const kernels_top_keys_request *request) {
  return guarded([&] { device->isa.top_keys(device->pool, *request); });
}

int64_t kernels_sketch_bytes(int64_t head_dim) { return longform::SketchLayout(head_dim).bytes; }

int32_t kernels_sketch(kernels_device *device, const kernels_kv_layout *layout, const kernels_sketch_page *pages,
                       int64_t count) {
  return guarded([&] { device->isa.sketch(device->pool, *layout, pages, count); });
}
