// Sizes of the stored element types.
#pragma once

#include "../kernels.h"

namespace longform {

// bytes of `count` neighbours of a row
inline int64_t stored_bytes(int64_t dtype, int64_t count) {
  switch (dtype) {
    case KERNELS_F32: return count * 4;
    case KERNELS_F16:
    case KERNELS_BF16: return count * 2;
    case KERNELS_Q8_0: return count / 32 * 34;
    case KERNELS_Q4_0: return count / 32 * 18;
    case KERNELS_Q5_0: return count / 32 * 22;
    case KERNELS_Q4_K: return count / 256 * 144;
    case KERNELS_Q5_K: return count / 256 * 176;
    case KERNELS_Q6_K: return count / 256 * 210;
    default: return 0;
  }
}

inline bool is_quantised(int64_t dtype) { return dtype >= KERNELS_Q8_0; }

}  // namespace longform
