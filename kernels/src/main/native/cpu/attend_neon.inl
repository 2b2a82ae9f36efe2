// What attention needs of NEON beside plain vectors.

namespace longform {
namespace LONGFORM_ISA {

// 6 x 4 sums, 4 vectors of the right side and one value of the left: 29 of 32 registers
constexpr int kSumRows = 6;
constexpr int kSumVectors = 4;

inline float half_at(const char *p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(bits))), 0);
}

// x[i][j] and x[j][i] change places
inline void transpose(simd::f32 (&x)[4]) {
  const float32x4x2_t top = vtrnq_f32(x[0], x[1]);
  const float32x4x2_t bottom = vtrnq_f32(x[2], x[3]);
  x[0] = vcombine_f32(vget_low_f32(top.val[0]), vget_low_f32(bottom.val[0]));
  x[1] = vcombine_f32(vget_low_f32(top.val[1]), vget_low_f32(bottom.val[1]));
  x[2] = vcombine_f32(vget_high_f32(top.val[0]), vget_high_f32(bottom.val[0]));
  x[3] = vcombine_f32(vget_high_f32(top.val[1]), vget_high_f32(bottom.val[1]));
}

// parts of the sums of two rows in one vector
inline simd::f32 pair_sums(simd::f32 x, simd::f32 y) { return vpaddq_f32(x, y); }

// element i: the sum of row i, from the pairs of rows 2i and 2i + 1
inline simd::f32 row_sums(const simd::f32 (&pairs)[2]) { return vpaddq_f32(pairs[0], pairs[1]); }

// A value that is used more than once stays in a register: the compiler would read it from memory for
// each use, and loads are what runs out first.
inline simd::f32 kept(simd::f32 x) {
  asm("" : "+w"(x));
  return x;
}

// elements 2i and 2i + 1 change places
inline simd::f32 swap_neighbours(simd::f32 x) { return vrev64q_f32(x); }

}  // namespace LONGFORM_ISA
}  // namespace longform
