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

// q·mean of up to four queries, with what denormal numbers may have lost.
inline void page_bases(const FewQueries &few, int width, const uint16_t *mean, float *out) {
  switch (width) {
    case 1: mean_scores<1>(few, mean, out); break;
    case 2: mean_scores<2>(few, mean, out); break;
    default: mean_scores<4>(few, mean, out); break;
  }
  for (int h = 0; h < width; h++) out[h] += 1e-30f;
}

// bounds[h][row] >= the computed score of query h and each key of a page; never NaN. maxima[h] is the
// largest.
template <int Queries>
inline void row_bounds(const CodedQueries &coded, const PageSketch &sketch, int64_t quads, const float *bases,
                       float *bounds, float *maxima) {
  lanes::template code_products<Queries>(sketch.codes, coded.codes, quads, bounds);
  const simd::f32 infinite = simd::set(INFINITY);
  for (int h = 0; h < Queries; h++) {
    const simd::f32 step = simd::set(coded.step[h]), norm = simd::set(coded.norm[h]), base = simd::set(bases[h]);
    const simd::f32 constant = simd::set(coded.rest[h] * sketch.header.codes_norm - coded.centre[h]);
    simd::f32 largest = simd::set(-INFINITY);
    for (int row = 0; row < kSketchRows; row += simd::W) {
      float *at = bounds + h * kSketchRows + row;
      const simd::f32 part = simd::fma(step, simd::load(at), constant);
      const simd::f32 middle = simd::fma(simd::load_f16(sketch.scale + row), part, base);
      // of NaN, the second
      const simd::f32 bound = simd::min(simd::fma(simd::load_f16(sketch.slack + row), norm, middle), infinite);
      simd::store(at, bound);
      largest = simd::max(largest, bound);
    }
    maxima[h] = simd::largest(largest);
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
