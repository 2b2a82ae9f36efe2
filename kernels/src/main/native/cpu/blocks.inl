// Stored rows widened to float32, one block after the other; the formats are those of GGUF files.

namespace longform {
namespace LONGFORM_ISA {

inline float half_to_float(const uint8_t *p) {
  uint16_t padded[simd::W] = {0};
  std::memcpy(padded, p, 2);
  float wide[simd::W];
  simd::store(wide, simd::load_f16(padded));
  return wide[0];
}

// Q8_0: scale d, 32 signed bytes
inline void widen_q8_0(const uint8_t *p, int64_t blocks, float *out) {
  for (int64_t b = 0; b < blocks; b++, p += 34, out += 32) {
    const float d = half_to_float(p);
    const int8_t *q = reinterpret_cast<const int8_t *>(p + 2);
    for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(q[i]);
  }
}

// Q4_0: scale d, 16 bytes; low halves are elements 0..15, high halves 16..31, each less 8
inline void widen_q4_0(const uint8_t *p, int64_t blocks, float *out) {
  for (int64_t b = 0; b < blocks; b++, p += 18, out += 32) {
    const float d = half_to_float(p);
    for (int i = 0; i < 16; i++) {
      out[i] = d * static_cast<float>((p[2 + i] & 15) - 8);
      out[i + 16] = d * static_cast<float>((p[2 + i] >> 4) - 8);
    }
  }
}

inline void widen_f16(const uint16_t *p, int64_t count, float *out) {
  int64_t i = 0;
  for (; i + simd::W <= count; i += simd::W) simd::store(out + i, simd::load_f16(p + i));
  for (; i < count; i++) out[i] = half_to_float(reinterpret_cast<const uint8_t *>(p + i));
}

inline void widen_bf16(const uint16_t *p, int64_t count, float *out) {
  for (int64_t i = 0; i < count; i++) {
    const uint32_t bits = static_cast<uint32_t>(p[i]) << 16;
    std::memcpy(out + i, &bits, 4);
  }
}

inline void widen(const void *row, int32_t dtype, int64_t count, float *out) {
  const uint8_t *bytes = static_cast<const uint8_t *>(row);
  switch (dtype) {
    case KERNELS_F32: std::memcpy(out, row, static_cast<size_t>(count) * 4); break;
    case KERNELS_F16: widen_f16(static_cast<const uint16_t *>(row), count, out); break;
    case KERNELS_BF16: widen_bf16(static_cast<const uint16_t *>(row), count, out); break;
    case KERNELS_Q8_0: widen_q8_0(bytes, count / 32, out); break;
    case KERNELS_Q4_0: widen_q4_0(bytes, count / 32, out); break;
    default: break;
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
