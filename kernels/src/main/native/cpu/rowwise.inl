// Operations on single rows: widening, addition, RMSNorm, SwiGLU.

namespace longform {
namespace LONGFORM_ISA {

inline void add(float *x, const float *y, int64_t count) {
  int64_t i = 0;
  for (; i + simd::W <= count; i += simd::W) simd::store(x + i, simd::add(simd::load(x + i), simd::load(y + i)));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) simd::store_part(x + i, simd::add(simd::load_part(x + i, rest), simd::load_part(y + i, rest)), rest);
}

// out = x / sqrt(mean(x^2) + epsilon) * gain; sums of squares in four vectors, joined in float64
inline void rms_norm(const float *x, const float *gain, double epsilon, int64_t inner, float *out) {
  simd::f32 a = simd::zero(), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * simd::W <= inner; i += 4 * simd::W) {
    const simd::f32 p = simd::load(x + i), q = simd::load(x + i + simd::W);
    const simd::f32 r = simd::load(x + i + 2 * simd::W), s = simd::load(x + i + 3 * simd::W);
    a = simd::fma(p, p, a);
    b = simd::fma(q, q, b);
    c = simd::fma(r, r, c);
    d = simd::fma(s, s, d);
  }
  for (; i < inner; i += simd::W) {
    const simd::f32 p = simd::load_part(x + i, static_cast<int>(inner - i));
    a = simd::fma(p, p, a);
  }
  const double squares = static_cast<double>(simd::sum(a)) + simd::sum(b) + simd::sum(c) + simd::sum(d);
  const simd::f32 inverse = simd::set(static_cast<float>(1 / std::sqrt(squares / static_cast<double>(inner) + epsilon)));
  for (i = 0; i < inner; i += simd::W) {
    const int n = static_cast<int>(inner - i);
    const simd::f32 scaled = simd::mul(simd::mul(simd::load_part(x + i, n), inverse), simd::load_part(gain + i, n));
    simd::store_part(out + i, scaled, n);
  }
}

// gate = gate / (1 + exp(-gate)) * up
inline void swi_glu(float *gate, const float *up, int64_t count) {
  const simd::f32 one = simd::set(1.f);
  for (int64_t i = 0; i < count; i += simd::W) {
    const int n = static_cast<int>(count - i);
    const simd::f32 z = simd::load_part(gate + i, n);
    const simd::f32 silu = simd::div(z, simd::add(one, exp(simd::sub(simd::zero(), z))));
    simd::store_part(gate + i, simd::mul(silu, simd::load_part(up + i, n)), n);
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
