#define LONGFORM_ISA scalar

#include <cmath>
#include <type_traits>

#include "isa.h"
#include "pool.h"
#include "simd_scalar.h"
#include "top_keys_scalar.h"
#include "simd_math.inl"
#include "rowwise.inl"
#include "matmul_scalar.h"
#include "blocks_formats.inl"
#include "blocks.inl"
#include "matmul_quantise.inl"
#include "matmul_rows.inl"
#include "matmul_tiles.inl"
#include "matmul.inl"
#include "attend_scalar.inl"
#include "attend.inl"
#include "top_keys.inl"

namespace longform {
namespace scalar {

namespace {

const char *missing() { return nullptr; }

}  // namespace

}  // namespace scalar

const Isa kScalar = {
    "scalar",        scalar::missing, scalar::widen,  scalar::add,      scalar::rms_norm,
    scalar::swi_glu, scalar::multiply, scalar::map, scalar::matmul,  scalar::attend, scalar::top_keys,
    scalar::sketch,
};

}  // namespace longform
