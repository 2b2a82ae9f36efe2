// What attention needs beside plain vectors, where a vector is one float.

namespace longform {
namespace LONGFORM_ISA {

constexpr int kSumRows = 2;
constexpr int kSumVectors = 4;

inline float half_at(const char *p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return simd::load_f16(&bits);
}

inline void transpose(simd::f32 (&)[1]) {}

inline simd::f32 row_sums(const simd::f32 (&x)[1]) { return x[0]; }

// never called: with vectors of one element nothing is turned in registers
inline simd::f32 swap_neighbours(simd::f32 x) { return x; }

}  // namespace LONGFORM_ISA
}  // namespace longform
