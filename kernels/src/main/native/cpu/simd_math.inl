// Functions of vectors, the same for every instruction set.

namespace longform {
namespace LONGFORM_ISA {

// exp(x), relative error below 2e-7; arguments beyond +-87 count as that, and what is as low as -87
// or -inf gives a number below 1e-37. NaN gives NaN. x = n ln 2 + r, degree 6 polynomial in r
// (coefficients of Cephes' expf).
inline simd::f32 exp(simd::f32 x) {
  // the argument that may be NaN comes second in max and min, which then answer it
  const simd::f32 v = simd::min(simd::set(87.f), simd::max(simd::set(-87.f), x));
  const simd::f32 n = simd::round(simd::mul(v, simd::set(1.44269504f)));
  simd::f32 r = simd::fnma(n, simd::set(0.693359375f), v);
  r = simd::fnma(n, simd::set(-2.12194440e-4f), r);
  simd::f32 q = simd::set(1.9875691500E-4f);
  q = simd::fma(q, r, simd::set(1.3981999507E-3f));
  q = simd::fma(q, r, simd::set(8.3334519073E-3f));
  q = simd::fma(q, r, simd::set(4.1665795894E-2f));
  q = simd::fma(q, r, simd::set(1.6666665459E-1f));
  q = simd::fma(q, r, simd::set(5.0000001201E-1f));
  q = simd::fma(simd::mul(q, r), r, simd::add(r, simd::set(1.f)));
  return simd::mul(q, simd::exp2_whole(n));
}

// x / (1 + exp(-x))
inline simd::f32 silu(simd::f32 x) {
  return simd::div(x, simd::add(simd::set(1.f), exp(simd::sub(simd::zero(), x))));
}

// x * (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), which is x / (1 + exp(-2u))
inline simd::f32 gelu_tanh(simd::f32 x) {
  const simd::f32 cubic = simd::fma(simd::mul(x, x), simd::set(0.044715f), simd::set(1.f));
  const simd::f32 exponent = simd::mul(simd::mul(x, cubic), simd::set(-1.5957691216f));
  return simd::div(x, simd::add(simd::set(1.f), exp(exponent)));
}

// x * (1 + erf(x / sqrt 2)) / 2; erfc of the absolute value as exp(-z^2) times a polynomial in 1 / (1 + pz)
// (Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7)
inline simd::f32 gelu(simd::f32 x) {
  // beyond 30 the rest is nothing; the argument that may be NaN comes second
  const simd::f32 size = simd::min(simd::set(30.f), simd::max(simd::sub(simd::zero(), x), x));
  const simd::f32 z = simd::mul(size, simd::set(0.70710678f));
  const simd::f32 t = simd::div(simd::set(1.f), simd::fma(z, simd::set(0.3275911f), simd::set(1.f)));
  simd::f32 q = simd::set(1.061405429f);
  q = simd::fma(q, t, simd::set(-1.453152027f));
  q = simd::fma(q, t, simd::set(1.421413741f));
  q = simd::fma(q, t, simd::set(-0.284496736f));
  q = simd::fma(q, t, simd::set(0.254829592f));
  q = simd::mul(simd::mul(q, t), exp(simd::fnma(z, z, simd::zero())));
  return simd::fnma(simd::mul(size, simd::set(0.5f)), q, simd::max(simd::zero(), x));
}

// cap * tanh(x / cap), absolute error below cap * 2e-7
inline simd::f32 soft_cap(simd::f32 x, simd::f32 cap) {
  const simd::f32 e = exp(simd::div(simd::add(x, x), cap));
  const simd::f32 rest = simd::div(simd::set(2.f), simd::add(e, simd::set(1.f)));
  return simd::fnma(cap, rest, cap);
}

}  // namespace LONGFORM_ISA
}  // namespace longform
