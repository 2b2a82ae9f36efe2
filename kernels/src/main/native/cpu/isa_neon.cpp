#define LONGFORM_ISA neon

#include <cmath>
#include <type_traits>

#include "isa.h"
#include "pool.h"
#include "simd_neon.h"
#include "top_keys_neon.h"
#include "simd_math.inl"
#include "rowwise.inl"
#include "matmul_neon.h"
#include "blocks_formats.inl"
#include "blocks.inl"
#include "matmul_quantise.inl"
#include "matmul_rows.inl"
#include "matmul_tiles.inl"
#include "matmul.inl"
#include "attend_neon.inl"
#include "attend.inl"
#include "top_keys.inl"

namespace longform {
namespace neon {

namespace {

const char *missing() { return nullptr; }

}  // namespace

}  // namespace neon

const Isa kNeon = {
    "neon",        neon::missing, neon::widen,  neon::add,      neon::rms_norm,
    neon::swi_glu, neon::multiply, neon::map, neon::matmul,  neon::attend, neon::top_keys,
    neon::sketch,
};

}  // namespace longform
