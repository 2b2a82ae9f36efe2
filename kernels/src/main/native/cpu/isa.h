// What one instruction set offers. Each isa_<name>.cpp is compiled with flags of its own and fills
// one table; it may include this header, the C library and intrinsics, but no C++ containers: the
// linker would keep one copy of such a template for all, perhaps one this processor cannot run.
#pragma once

#include "../kernels.h"

namespace longform {

class Pool;

struct Isa {
  const char *name;
  // NULL if this processor has it, else what it lacks
  const char *(*missing)();

  // row-wise, one thread
  void (*widen)(const void *row, int32_t dtype, int64_t count, float *out);
  void (*add)(float *x, const float *y, int64_t count);
  void (*rms_norm)(const float *x, const float *gain, double epsilon, int64_t inner, float *out);
  void (*swi_glu)(float *gate, const float *up, int64_t count);
  void (*multiply)(float *x, const float *y, int64_t count);
  void (*map)(int32_t function, float parameter, float *x, int64_t count);

  // whole operations, on the pool
  void (*matmul)(Pool &pool, const float *x, int64_t tokens, int64_t inner, const kernels_product *products,
                 int64_t count);
  void (*attend)(Pool &pool, const kernels_attention &attention);
  void (*top_keys)(Pool &pool, const kernels_top_keys_request &request);
  void (*sketch)(Pool &pool, const kernels_kv_layout &layout, const kernels_sketch_page *pages, int64_t count);
};

extern const Isa kScalar;
#if defined(__x86_64__)
extern const Isa kAvx2;
extern const Isa kAvx512;
#elif defined(__aarch64__)
extern const Isa kNeon;
#endif

}  // namespace longform
