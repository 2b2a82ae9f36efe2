#pragma once

#include "../kernels.h"

namespace longform::card {

// Throws std::runtime_error, as part of a sentence, where the answers of a card are not those of the processor.
void check_card(kernels_device *card, kernels_device *processor);

}  // namespace longform::card
