// What the processor does for a card: what the card's kernels do not do, or what lies on the host. What lies on the card
// is copied for it.
#pragma once

#include "../cuda/card_device.h"
#include "isa.h"
#include "pool.h"

namespace longform {

// Into pages on the card and on the host.
void store_beside(card::CardDevice &card, Pool &pool, const kernels_kv_layout &layout, const float *keys,
                  const float *values, const kernels_place *places, int64_t count);
void attend_beside(card::CardDevice &card, const Isa &isa, Pool &pool, const kernels_attention &call);
void top_keys_beside(card::CardDevice &card, const Isa &isa, Pool &pool, const kernels_top_keys_request &request);

}  // namespace longform
