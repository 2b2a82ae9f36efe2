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

}  // namespace LONGFORM_ISA
}  // namespace longform
