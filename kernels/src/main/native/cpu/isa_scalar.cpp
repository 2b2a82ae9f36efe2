#define LONGFORM_ISA scalar

#include <cmath>

#include "isa.h"
#include "pool.h"
#include "simd_scalar.h"
#include "top_keys_scalar.h"
#include "simd_math.inl"
#include "rowwise.inl"
#include "blocks.inl"
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
    scalar::swi_glu, scalar::matmul,  scalar::attend, scalar::top_keys,
    scalar::sketch,
};

}  // namespace longform
