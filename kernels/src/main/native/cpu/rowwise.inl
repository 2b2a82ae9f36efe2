// Operations on single rows: addition, products, RMSNorm, SwiGLU, functions of one number.

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
  for (int64_t i = 0; i < count; i += simd::W) {
    const int n = static_cast<int>(count - i);
    const simd::f32 z = silu(simd::load_part(gate + i, n));
    simd::store_part(gate + i, simd::mul(z, simd::load_part(up + i, n)), n);
  }
}

inline void multiply(float *x, const float *y, int64_t count) {
  for (int64_t i = 0; i < count; i += simd::W) {
    const int n = static_cast<int>(count - i);
    simd::store_part(x + i, simd::mul(simd::load_part(x + i, n), simd::load_part(y + i, n)), n);
  }
}

// x = f(x)
template <typename Function>
inline void map_each(float *x, int64_t count, Function f) {
  for (int64_t i = 0; i < count; i += simd::W) {
    const int n = static_cast<int>(count - i);
    simd::store_part(x + i, f(simd::load_part(x + i, n)), n);
  }
}

inline void map(int32_t function, float parameter, float *x, int64_t count) {
  const simd::f32 p = simd::set(parameter);
  switch (function) {
    case KERNELS_SILU: map_each(x, count, [](simd::f32 v) { return silu(v); }); break;
    case KERNELS_GELU: map_each(x, count, [](simd::f32 v) { return gelu(v); }); break;
    case KERNELS_GELU_TANH: map_each(x, count, [](simd::f32 v) { return gelu_tanh(v); }); break;
    case KERNELS_SCALE: map_each(x, count, [p](simd::f32 v) { return simd::mul(p, v); }); break;
    case KERNELS_SOFT_CAP: map_each(x, count, [p](simd::f32 v) { return soft_cap(v, p); }); break;
    default:
      map_each(x, count, [p](simd::f32 v) { return simd::min(p, simd::max(simd::sub(simd::zero(), p), v)); });
      break;
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
