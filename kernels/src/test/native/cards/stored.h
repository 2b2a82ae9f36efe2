// A number of a key or value as it is stored, in float64.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels.h"
#include "kv_rows.h"

namespace longform::test {

inline double number(int64_t dtype, int64_t dim, const char *row, int64_t d) {
  if (dtype == KERNELS_KV_F32) {
    float x;
    std::memcpy(&x, row + 4 * d, sizeof x);
    return x;
  }
  uint16_t half;
  std::memcpy(&half, row + (dtype == KERNELS_KV_F16 ? 2 * d : dim + d / 32 * 2), sizeof half);
  const double sign = (half & 0x8000) != 0 ? -1. : 1.;
  const double wide = (half & 0x7c00) != 0x7c00 ? sign * longform::kv::float_of_scale(half & 0x7fff)
                      : (half & 0x3ff) != 0     ? NAN
                                                : sign * INFINITY;
  return dtype == KERNELS_KV_F16 ? wide : wide * static_cast<double>(static_cast<signed char>(row[d]));
}

}  // namespace longform::test
