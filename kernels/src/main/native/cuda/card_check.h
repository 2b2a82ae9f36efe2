#pragma once

#include "../kernels.h"
#include "card_device.h"

namespace longform::card {

// Throws std::runtime_error, as part of a sentence, where the answers of a card are not those of the processor.
void check_card(kernels_device *card, kernels_device *processor);

// Whether products by the card's library are those of the processor. A card whose library answers wrongly leaves it: then
// tensor cores do what it did, as where there is none.
bool check_library(CardDevice &card, kernels_device *processor);

}  // namespace longform::card
