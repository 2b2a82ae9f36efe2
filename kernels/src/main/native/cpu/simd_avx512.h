// Vectors of sixteen floats: AVX-512 F, BW, DQ, VL and VNNI.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace longform {
namespace LONGFORM_ISA {

struct simd {
  using f32 = __m512;
  static constexpr int W = 16;

  static f32 zero() { return _mm512_setzero_ps(); }
  static f32 set(float x) { return _mm512_set1_ps(x); }
  static f32 load(const float *p) { return _mm512_loadu_ps(p); }
  static void store(float *p, f32 x) { _mm512_storeu_ps(p, x); }
  static __mmask16 first(int n) {
    return n >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << (n > 0 ? n : 0)) - 1);
  }
  static f32 load_part(const float *p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static void store_part(float *p, f32 x, int n) { _mm512_mask_storeu_ps(p, first(n), x); }
  static f32 load_f16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)));
  }
  static f32 load_bf16(const uint16_t *p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  static f32 load_i8(const int8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))));
  }

  static f32 add(f32 a, f32 b) { return _mm512_add_ps(a, b); }
  static f32 sub(f32 a, f32 b) { return _mm512_sub_ps(a, b); }
  static f32 mul(f32 a, f32 b) { return _mm512_mul_ps(a, b); }
  static f32 div(f32 a, f32 b) { return _mm512_div_ps(a, b); }
  static f32 fma(f32 a, f32 b, f32 c) { return _mm512_fmadd_ps(a, b, c); }
  static f32 fnma(f32 a, f32 b, f32 c) { return _mm512_fnmadd_ps(a, b, c); }
  static f32 max(f32 a, f32 b) { return _mm512_max_ps(a, b); }
  static f32 min(f32 a, f32 b) { return _mm512_min_ps(a, b); }
  static float sum(f32 x) { return _mm512_reduce_add_ps(x); }
  static float largest(f32 x) { return _mm512_reduce_max_ps(x); }
  static f32 round(f32 x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static f32 exp2_whole(f32 n) {
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
  }
  static bool any_greater(f32 a, f32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0; }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
