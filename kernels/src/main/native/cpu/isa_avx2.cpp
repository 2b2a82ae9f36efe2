#define LONGFORM_ISA avx2

#include <cmath>
#include <type_traits>

#include "isa.h"
#include "pool.h"
#include "simd_avx2.h"
#include "top_keys_avx2.h"
#include "simd_math.inl"
#include "rowwise.inl"
#include "matmul_avx2.h"
#include "blocks_formats.inl"
#include "blocks.inl"
#include "matmul_quantise.inl"
#include "matmul_rows.inl"
#include "matmul_tiles.inl"
#include "matmul.inl"
#include "attend_avx2.inl"
#include "attend.inl"
#include "top_keys.inl"

namespace longform {
namespace avx2 {

namespace {

// __builtin_cpu_supports also asks whether the operating system saves the registers
const char *missing() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
             ? nullptr
             : "the processor lacks AVX2, FMA or F16C";
}

}  // namespace

}  // namespace avx2

const Isa kAvx2 = {
    "avx2",        avx2::missing, avx2::widen,  avx2::add,      avx2::rms_norm,
    avx2::swi_glu, avx2::multiply, avx2::map, avx2::matmul,  avx2::attend, avx2::top_keys,
    avx2::sketch,
};

}  // namespace longform
