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

}  // namespace LONGFORM_ISA
}  // namespace longform
