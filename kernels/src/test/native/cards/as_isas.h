// Lets the tests of instruction sets run on cards: what they ask of one they ask of the other. Included before
// everything else by the build of those tests.
#pragma once

#include "kernels.h"

// sketches are the processor's way to spare keys
#define LONGFORM_TEST_OF_CARDS 1

#define kernels_isa_count kernels_card_count
#define kernels_isa_name kernels_card_name
#define kernels_isa_missing kernels_card_missing
#define kernels_open kernels_open_card
