// The sketch of one head's keys of one page: enough to bound every q·k from above, in a third of
// the bytes of float16 keys.
//
//   k ~ mean + scale_row * (code - 7.5),  code 0..15
//   q·k <= q·mean + scale_row * q·(code - 7.5) + |q| * slack_row
//
// slack_row is at least the norm of what the approximation leaves out (Cauchy-Schwarz) plus what
// float32 can lose anywhere in a product of q and the key, the exact score included. A key with an
// element that is not finite has infinite slack. A sketch is good for the device that made it: each
// knows what its own scores lose.
//
// Layout for D dims, quads = ceil(D / 4):
//   codes   quads x 128 bytes: byte b of a quad has dim b % 4 of row b / 64 * 32 + b % 64 / 4 in its
//           low half, of that row + 16 in its high half
//   scale   64 float16
//   slack   64 float16
//   mean    D float16, zeros up to the next multiple of 16
//   header  SketchHeader
#pragma once

#include <stdint.h>

#include "kernels.h"

#ifdef __CUDACC__
#define LONGFORM_SKETCH __host__ __device__ __forceinline__
#else
// every instruction set has its own
#define LONGFORM_SKETCH inline __attribute__((always_inline))
#endif

namespace longform {

constexpr int64_t kSketchRows = KERNELS_SKETCH_ROWS;
constexpr int64_t kSketchAlign = 64;

struct SketchHeader {
  float radius;      // at least the norm of key - mean of every row, and what rounding loses
  float codes_norm;  // at least that of code - 7.5 of every row
};

struct SketchLayout {
  explicit constexpr LONGFORM_SKETCH SketchLayout(int64_t dims)
      : quads((dims + 3) / 4),
        mean_dims((dims + 15) / 16 * 16),
        scale(quads * 128),
        slack(scale + 2 * kSketchRows),
        mean(slack + 2 * kSketchRows),
        header(mean + 2 * mean_dims),
        bytes((header + static_cast<int64_t>(sizeof(SketchHeader)) + kSketchAlign - 1) / kSketchAlign * kSketchAlign) {}

  int64_t quads;
  int64_t mean_dims;
  int64_t scale;
  int64_t slack;
  int64_t mean;
  int64_t header;
  int64_t bytes;  // of one head
};

}  // namespace longform
