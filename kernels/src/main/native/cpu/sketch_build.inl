// Building the sketch of a page (sketch.h).

namespace longform {
namespace LONGFORM_ISA {

inline float widen_half(uint16_t bits) { return dots::half_to_float(reinterpret_cast<const uint8_t *>(&bits)); }

// Nearest float16; what is too large becomes the largest.
inline uint16_t to_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  uint32_t half;
  if (magnitude >= 0x477fe000) {
    half = 0x7bff;
  } else if (magnitude < 0x38800000) {
    // next to 0.5 the last bit is worth 2^-24, the step of subnormals
    float aligned = std::fabs(x) + 0.5f;
    std::memcpy(&half, &aligned, 4);
    half -= 0x3f000000;
  } else {
    half = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

// Least float16 that is not below x >= 0; infinite if there is none, or x is NaN.
inline uint16_t half_not_below(float x) {
  if (!(x <= 65504)) return 0x7c00;
  const uint16_t half = to_half(x);
  return static_cast<uint16_t>(widen_half(half) < x ? half + 1 : half);
}

// keys (64, stride) float32, zeros beyond the dims; codes is scratch of as many floats
inline void build_sketch(const float *keys, int64_t stride, int64_t dims, const SketchLayout &layout, float *mean,
                         float *codes, char *out) {
  // any float32 sum over the dims is right up to this factor
  const float grow = 1 + static_cast<float>(dims + 16) * 0x1p-22f;
  // the norms of what takes part in a product, times this, are more than its roundings
  const float rounding = static_cast<float>(dims + 64) * 0x1p-23f;

  float norms[kSketchRows];
  int64_t finite = 0;
  for (int64_t d = 0; d < stride; d++) mean[d] = 0;
  for (int64_t row = 0; row < kSketchRows; row++) {
    const float *key = keys + row * stride;
    simd::f32 squares = simd::zero();
    for (int64_t d = 0; d < stride; d += simd::W) squares = simd::fma(simd::load(key + d), simd::load(key + d), squares);
    norms[row] = std::sqrt(simd::sum(squares));
    if (!(norms[row] < INFINITY)) continue;
    finite++;
    for (int64_t d = 0; d < stride; d += simd::W) simd::store(mean + d, simd::add(simd::load(mean + d), simd::load(key + d)));
  }
  uint16_t *half_mean = reinterpret_cast<uint16_t *>(out + layout.mean);
  float mean_squares = 0;
  for (int64_t d = 0; d < stride; d++) {
    half_mean[d] = to_half(finite == 0 ? 0 : mean[d] / static_cast<float>(finite));
    mean[d] = widen_half(half_mean[d]);
    mean_squares += mean[d] * mean[d];
  }
  const float mean_norm = std::sqrt(mean_squares);

  SketchHeader header = {0, 0};
  for (int64_t row = 0; row < kSketchRows; row++) {
    const float *key = keys + row * stride;
    float *code = codes + row * stride;
    const bool bounded = norms[row] < INFINITY;
    simd::f32 squares = simd::zero(), largest = simd::zero();
    for (int64_t d = 0; d < stride; d += simd::W) {
      const simd::f32 x = simd::sub(simd::load(key + d), simd::load(mean + d));
      squares = simd::fma(x, x, squares);
      largest = simd::max(largest, simd::max(x, simd::sub(simd::zero(), x)));
    }
    const float distance = std::sqrt(simd::sum(squares));
    const uint16_t half_scale = to_half(bounded ? simd::largest(largest) / 7.5f : 0);
    const float scale = widen_half(half_scale), inverse = scale > 0 ? 1 / scale : 0;
    simd::f32 left = simd::zero(), sizes = simd::zero();
    const simd::f32 half = simd::set(7.5f), step = simd::set(scale), by = simd::set(inverse);
    for (int64_t d = 0; d < stride; d += simd::W) {
      const int n = static_cast<int>(dims - d);
      const simd::f32 x = simd::sub(simd::load_part(key + d, n), simd::load_part(mean + d, n));
      // NaN becomes 0, and dims beyond the last count nothing
      const simd::f32 wanted = simd::round(simd::fma(x, by, half));
      const simd::f32 c = simd::min(simd::max(wanted, simd::zero()), simd::set(15.f));
      simd::store(code + d, c);
      float one[simd::W];
      simd::store(one, simd::sub(c, half));
      const simd::f32 centred = simd::load_part(one, n);
      const simd::f32 r = simd::fnma(step, centred, x);
      left = simd::fma(r, r, left);
      sizes = simd::fma(centred, centred, sizes);
    }
    const float codes_norm = std::sqrt(simd::sum(sizes)) * grow;
    const float lost = rounding * (norms[row] + mean_norm + scale * codes_norm);
    reinterpret_cast<uint16_t *>(out + layout.scale)[row] = half_scale;
    // 1e-18: squares below that were lost
    const float slack = bounded ? (std::sqrt(simd::sum(left)) + lost) * grow + 1e-18f : INFINITY;
    reinterpret_cast<uint16_t *>(out + layout.slack)[row] = half_not_below(slack);
    const float radius = bounded ? (distance + lost) * grow + 1e-18f : INFINITY;
    header.radius = header.radius < radius || std::isnan(radius) ? radius : header.radius;
    header.codes_norm = header.codes_norm < codes_norm ? codes_norm : header.codes_norm;
  }
  std::memcpy(out + layout.header, &header, sizeof(header));

  uint8_t *packed = reinterpret_cast<uint8_t *>(out);
  for (int64_t quad = 0; quad < layout.quads; quad++) {
    for (int64_t row = 0; row < kSketchRows; row++) {
      if (row % 32 >= 16) continue;
      const float *low = codes + row * stride + quad * 4, *high = low + 16 * stride;
      uint8_t *at = packed + quad * 128 + row / 32 * 64 + row % 32 * 4;
      for (int i = 0; i < 4; i++) {
        at[i] = static_cast<uint8_t>(static_cast<int>(low[i]) | static_cast<int>(high[i]) << 4);
      }
    }
  }
}

struct SketchJob {
  const kernels_kv_layout &layout;
  const kernels_sketch_page *pages;
};

// All key heads of one page.
inline void sketch_piece(const void *data, int64_t piece, Arena &scratch) {
  const SketchJob &job = *static_cast<const SketchJob *>(data);
  const kernels_kv_layout &kv = job.layout;
  const kernels_sketch_page &page = job.pages[piece];
  const SketchLayout layout(kv.head_dim);
  const int64_t stride = layout.mean_dims;
  float *keys = static_cast<float *>(scratch.reserve((2 * kSketchRows + 1) * stride * 4));
  float *codes = keys + kSketchRows * stride, *mean = codes + kSketchRows * stride;
  for (int64_t g = 0; g < kv.kv_heads; g++) {
    for (int64_t row = 0; row < kSketchRows; row++) {
      float *key = keys + row * stride;
      widen_kv(page.key + g * kv.head_stride + row * kv.row_bytes, kv.dtype, kv.head_dim, key);
      for (int64_t d = kv.head_dim; d < stride; d++) key[d] = 0;
    }
    build_sketch(keys, stride, kv.head_dim, layout, mean, codes, page.sketch + g * layout.bytes);
  }
}

inline void sketch(Pool &pool, const kernels_kv_layout &layout, const kernels_sketch_page *pages, int64_t count) {
  const SketchJob job = {layout, pages};
  pool.run(count, sketch_piece, &job);
}

}  // namespace LONGFORM_ISA
}  // namespace longform
