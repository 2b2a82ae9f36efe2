// A build without nvcc: no card is ever here.
#include "card.h"

namespace longform::card {

int32_t card_count() { return 0; }
std::string card_name(int32_t) { return ""; }
std::string card_missing(int32_t) { return "this build has no CUDA kernels (nvcc was not there when it was built)"; }
std::unique_ptr<Card> open_card(int32_t) { throw std::runtime_error(card_missing(0)); }

}  // namespace longform::card
