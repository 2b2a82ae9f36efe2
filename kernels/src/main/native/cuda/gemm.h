// A product that a library does: of numbers of 16 bits, with float32 sums.
#pragma once

#include <stdint.h>

namespace longform::card {

// out = x · wᵀ. What was in `out` is not read. Addresses are the card's, strides are elements from row to row.
struct Gemm {
  int64_t dtype;  // of x and w: KERNELS_F16 or KERNELS_BF16
  const void *x;  // (rows, inner)
  const void *w;  // (outer, inner)
  float *out;     // (rows, outer)
  int64_t rows, outer, inner;
  int64_t x_stride, w_stride, out_stride;
};

}  // namespace longform::card
