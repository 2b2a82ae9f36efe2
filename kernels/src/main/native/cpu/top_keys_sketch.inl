// Pruning by sketches (sketch.h): of a page whose keys cannot all be skipped, only those are scored
// whose bound reaches the k-th best.

namespace longform {
namespace LONGFORM_ISA {

// Few queries in signed bytes: q = step * code + rest.
struct CodedQueries {
  int8_t *codes;    // (quads, queries, 4)
  float step[4];
  float centre[4];  // 7.5 * step * sum of codes
  float norm[4];    // at least |q|; infinite for what cannot be bounded
  float rest[4];    // at least |rest|
};

inline void code_query(const float *query, int64_t dims, int h, int width, CodedQueries &out) {
  float largest = 0;
  double squares = 0;
  for (int64_t d = 0; d < dims; d++) {
    largest = largest < std::fabs(query[d]) ? std::fabs(query[d]) : largest;
    squares += static_cast<double>(query[d]) * query[d];
  }
  // beyond 1e30 the bound itself could overflow; NaN counts as that
  const bool bounded = squares < 1e60;
  const float step = bounded ? largest / 127 : 0;
  const float inverse = step > 0 ? 1 / step : 0;
  double rest = 0;
  int64_t sum = 0;
  for (int64_t d = 0; d < dims; d++) {
    const float rounded = bounded && inverse < INFINITY ? std::nearbyint(query[d] * inverse) : 0;
    const float code = rounded > 127 ? 127 : rounded < -127 ? -127 : rounded;
    out.codes[(d / 4 * width + h) * 4 + d % 4] = static_cast<int8_t>(code);
    sum += static_cast<int64_t>(code);
    const double left = query[d] - static_cast<double>(step) * code;
    rest += left * left;
  }
  out.step[h] = step;
  out.centre[h] = 7.5f * step * static_cast<float>(sum);
  out.norm[h] = bounded ? static_cast<float>(std::sqrt(squares) * (1 + 1e-6)) : INFINITY;
  out.rest[h] = bounded ? static_cast<float>(std::sqrt(rest) * (1 + 1e-6)) : INFINITY;
}

// One page's sketch of one key head.
struct PageSketch {
  PageSketch(const char *at, const SketchLayout &layout)
      : codes(reinterpret_cast<const uint8_t *>(at)),
        scale(reinterpret_cast<const uint16_t *>(at + layout.scale)),
        slack(reinterpret_cast<const uint16_t *>(at + layout.slack)),
        mean(reinterpret_cast<const uint16_t *>(at + layout.mean)) {
    std::memcpy(&header, at + layout.header, sizeof(header));
  }

  const uint8_t *codes;
  const uint16_t *scale;
  const uint16_t *slack;
  const uint16_t *mean;
  SketchHeader header;
};

// q·mean of up to four queries
template <int Queries>
inline void mean_scores(const FewQueries &few, const uint16_t *mean, float *out) {
  constexpr int width = simd::W > Queries ? simd::W : Queries;
  simd::f32 sum[width];
#pragma GCC unroll 16
  for (int i = 0; i < width; i++) sum[i] = simd::zero();
  for (int64_t d = 0; d < few.dims; d += simd::W) {
    const simd::f32 m = simd::load_f16(mean + d);
#pragma GCC unroll 4
    for (int h = 0; h < Queries; h++) sum[h] = simd::fma(simd::load(few.queries + h * few.dims + d), m, sum[h]);
  }
  float joined[width];
  for (int i = 0; i < width; i += simd::W) simd::store(joined + i, lanes::sums(sum + i));
  for (int h = 0; h < Queries; h++) out[h] = joined[h];
}

// Which keys of a page cannot be skipped, 64 bits for each query; `bars` are what the k-th best are
// at least. Returns how many.
template <int Queries>
inline int64_t survivors(const FewQueries &few, const CodedQueries &coded, const PageSketch &sketch, int64_t quads,
                         const float *bars, uint64_t *out) {
  // what denormal numbers may have lost
  constexpr float tiny = 1e-30f;
  float base[Queries];
  mean_scores<Queries>(few, sketch.mean, base);
  bool open = false;
  for (int h = 0; h < Queries; h++) {
    base[h] += tiny;
    out[h] = 0;
    open |= !(base[h] + coded.norm[h] * sketch.header.radius < bars[h]);
  }
  if (!open) return 0;
  float products[Queries * kSketchRows];
  lanes::template code_products<Queries>(sketch.codes, coded.codes, quads, products);
  int64_t count = 0;
  for (int h = 0; h < Queries; h++) {
    const simd::f32 step = simd::set(coded.step[h]), norm = simd::set(coded.norm[h]);
    const simd::f32 constant = simd::set(coded.rest[h] * sketch.header.codes_norm - coded.centre[h]);
    const simd::f32 middle = simd::set(base[h]), bar = simd::set(bars[h]);
    for (int row = 0; row < kSketchRows; row += simd::W) {
      const simd::f32 part = simd::fma(step, simd::load(products + h * kSketchRows + row), constant);
      const simd::f32 bound = simd::fma(simd::load_f16(sketch.slack + row), norm,
                                        simd::fma(simd::load_f16(sketch.scale + row), part, middle));
      out[h] |= static_cast<uint64_t>(lanes::not_less(bound, bar)) << row;
    }
    count += __builtin_popcountll(out[h]);
  }
  return count;
}

}  // namespace LONGFORM_ISA
}  // namespace longform
