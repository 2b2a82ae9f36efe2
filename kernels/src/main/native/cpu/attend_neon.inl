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

}  // namespace LONGFORM_ISA
}  // namespace longform
