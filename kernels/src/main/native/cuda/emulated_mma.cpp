// What tensor cores make of the fragments of a warp. Nothing of portable.h is used: its functions are inline, and of
// those built with sanitizers and without the linker keeps one.
#include <math.h>
#include <string.h>

#include "emulation.h"

namespace longform::card::emulation {
namespace {

double power_of_two(int64_t exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// of the lane's i-th number of c
int row_of(int lane, int i) { return lane / 4 + i / 2 * 8; }
int column_of(int lane, int i) { return lane % 4 * 2 + i % 2; }

}  // namespace

float add_cut(float sum, const double (&products)[8]) {
  double whole = sum, largest = fabs(static_cast<double>(sum));
  for (double product : products) {
    whole += product;
    if (fabs(product) > largest) largest = fabs(product);
  }
  if (!isfinite(whole) || largest == 0) return static_cast<float>(whole);
  // neither these products nor sums are subnormal float64 numbers
  uint64_t bits;
  memcpy(&bits, &largest, sizeof bits);
  const int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  const double unit = power_of_two(exponent - 24), per_unit = power_of_two(24 - exponent);
  int64_t added = static_cast<int64_t>(sum * per_unit);
  for (double product : products) added += static_cast<int64_t>(product * per_unit);
  const double exact = static_cast<double>(added) * unit;
  const float nearest = static_cast<float>(exact);
  return isfinite(nearest) && fabs(static_cast<double>(nearest)) > fabs(exact) ? nextafterf(nearest, 0.f) : nearest;
}

void add_products(const Fragment *warp, int lane, float (&c)[4]) {
  for (int i = 0; i < 4; i++) {
    const int row = row_of(lane, i), column = column_of(lane, i);
    for (int word = 0; word < 8; word += 4) {
      double products[8];
      for (int k = 0; k < 8; k++) {
        const float x = warp[row % 8 * 4 + k / 2].numbers_a[row / 8 * 2 + word + k % 2];
        const float w = warp[column * 4 + k / 2].numbers_b[word / 2 + k % 2];
        products[k] = static_cast<double>(x) * static_cast<double>(w);
      }
      c[i] = add_cut(c[i], products);
    }
  }
}

void add_products(const Fragment *warp, int lane, int (&c)[4]) {
  for (int i = 0; i < 4; i++) {
    const int row = row_of(lane, i), column = column_of(lane, i);
    for (int word = 0; word < 8; word++) {
      const uint32_t x = warp[row % 8 * 4 + word % 4].a[row / 8 + word / 4 * 2], w = warp[column * 4 + word % 4].b[word / 4];
      for (int shift = 0; shift < 32; shift += 8) c[i] += static_cast<int8_t>(x >> shift) * static_cast<int8_t>(w >> shift);
    }
  }
}

}  // namespace longform::card::emulation
