// Stored rows widened to float32, one block after the other; blocks_formats.inl says how they lie.

namespace longform {
namespace LONGFORM_ISA {

inline void widen_q8_0(const uint8_t *p, int64_t blocks, float *out) {
  for (int64_t b = 0; b < blocks; b++, p += 34, out += 32) {
    const float d = dots::half_to_float(p);
    const int8_t *q = reinterpret_cast<const int8_t *>(p + 2);
    for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(q[i]);
  }
}

inline void widen_q4_0(const uint8_t *p, int64_t blocks, float *out) {
  for (int64_t b = 0; b < blocks; b++, p += 18, out += 32) {
    const float d = dots::half_to_float(p);
    for (int i = 0; i < 16; i++) {
      out[i] = d * static_cast<float>((p[2 + i] & 15) - 8);
      out[i + 16] = d * static_cast<float>((p[2 + i] >> 4) - 8);
    }
  }
}

inline void widen_q5_0(const uint8_t *p, int64_t blocks, float *out) {
  for (int64_t b = 0; b < blocks; b++, p += 22, out += 32) {
    const float d = dots::half_to_float(p);
    uint32_t high;
    std::memcpy(&high, p + 2, 4);
    for (int i = 0; i < 16; i++) {
      const int low = (p[6 + i] & 15) | static_cast<int>((high >> i) & 1) << 4;
      const int up = (p[6 + i] >> 4) | static_cast<int>((high >> (i + 16)) & 1) << 4;
      out[i] = d * static_cast<float>(low - 16);
      out[i + 16] = d * static_cast<float>(up - 16);
    }
  }
}

// Q4_K, and Q5_K with a fifth bit
template <typename Format>
inline void widen_super(const uint8_t *p, int64_t spans, float *out) {
  for (int64_t s = 0; s < spans; s++, p += Format::SPAN_BYTES) {
    float scales[8], mins[8];
    dots::store(scales, Format::scales(p));
    dots::store(mins, Format::mins(p));
    const uint8_t *codes = p + Format::SPAN_BYTES - 128, *high = p + 16;
    for (int j = 0; j < 8; j++) {
      for (int i = 0; i < 32; i++) {
        int code = (codes[j / 2 * 32 + i] >> (j % 2 * 4)) & 15;
        if (Format::BITS == 5) code |= ((high[i] >> j) & 1) << 4;
        *out++ = scales[j] * static_cast<float>(code) - mins[j];
      }
    }
  }
}

inline void widen_q6_k(const uint8_t *p, int64_t spans, float *out) {
  for (int64_t s = 0; s < spans; s++, p += Q6_K::SPAN_BYTES) {
    float scales[16];
    dots::store(scales, Q6_K::scales(p));
    for (int i = 0; i < 256; i++) {
      const int half = i / 128, j = i % 128 / 32;
      const int low = (p[64 * half + i % 64] >> (j / 2 * 4)) & 15;
      const int high = (p[128 + 32 * half + i % 32] >> (2 * j)) & 3;
      *out++ = scales[i / 16] * static_cast<float>((low | high << 4) - 32);
    }
  }
}

inline void widen_f16(const uint8_t *p, int64_t count, float *out) {
  int64_t i = 0;
  for (; i + simd::W <= count; i += simd::W) {
    simd::store(out + i, simd::load_f16(reinterpret_cast<const uint16_t *>(p + 2 * i)));
  }
  for (; i < count; i++) out[i] = dots::half_to_float(p + 2 * i);
}

inline void widen_bf16(const uint8_t *p, int64_t count, float *out) {
  for (int64_t i = 0; i < count; i++) {
    uint16_t high;
    std::memcpy(&high, p + 2 * i, 2);
    const uint32_t bits = static_cast<uint32_t>(high) << 16;
    std::memcpy(out + i, &bits, 4);
  }
}

inline void widen(const void *row, int32_t dtype, int64_t count, float *out) {
  const uint8_t *bytes = static_cast<const uint8_t *>(row);
  switch (dtype) {
    case KERNELS_F32: std::memcpy(out, row, static_cast<size_t>(count) * 4); break;
    case KERNELS_F16: widen_f16(bytes, count, out); break;
    case KERNELS_BF16: widen_bf16(bytes, count, out); break;
    case KERNELS_Q8_0: widen_q8_0(bytes, count / 32, out); break;
    case KERNELS_Q4_0: widen_q4_0(bytes, count / 32, out); break;
    case KERNELS_Q5_0: widen_q5_0(bytes, count / 32, out); break;
    case KERNELS_Q4_K: widen_super<Q4_K>(bytes, count / 256, out); break;
    case KERNELS_Q5_K: widen_super<Q5_K>(bytes, count / 256, out); break;
    case KERNELS_Q6_K: widen_q6_k(bytes, count / 256, out); break;
    default: break;
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
