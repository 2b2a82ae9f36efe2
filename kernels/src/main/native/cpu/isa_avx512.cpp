#define LONGFORM_ISA avx512

#include <cmath>
#include <type_traits>

#include "isa.h"
#include "pool.h"
#include "simd_avx512.h"
#include "top_keys_avx512.h"
#include "simd_math.inl"
#include "rowwise.inl"
#include "matmul_avx512.h"
#include "blocks_formats.inl"
#include "blocks.inl"
#include "matmul_quantise.inl"
#include "matmul_rows.inl"
#include "matmul_tiles.inl"
#include "matmul.inl"
#include "attend_avx512.inl"
#include "attend.inl"
#include "top_keys.inl"

namespace longform {
namespace avx512 {

namespace {

const char *missing() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512vnni")
             ? nullptr
             : "the processor lacks AVX-512 F, BW, DQ, VL or VNNI";
}

}  // namespace

}  // namespace avx512

const Isa kAvx512 = {
    "avx512",        avx512::missing, avx512::widen,  avx512::add,      avx512::rms_norm,
    avx512::swi_glu, avx512::multiply, avx512::map, avx512::matmul,  avx512::attend, avx512::top_keys,
    avx512::sketch,
};

}  // namespace longform
