// A card on the processor, for tests: the threads of a block are fibers that run one at a time from barrier
// to barrier, blocks run one after the other. The order of threads and blocks changes from launch to launch,
// so that what depends on it gives different answers; memory starts as NaN; sanitizers see every access.
#pragma once

#include <stdint.h>

namespace longform::card::emulation {

struct Place {
  int thread;
  int64_t block[3];
  int64_t blocks[3];
  unsigned char *shared;
};

// Of the fiber that runs now.
const Place &now();

void wait_for_block();
bool any_of_block(bool said);
uint64_t word_of_lane(uint64_t word, int mask);

// What a lane shows to its warp.
struct Words {
  uint32_t of[6];
};
// Every lane of a warp shows its own and waits for the others.
void show(const Words &words);
// What a lane of this warp showed last; until the warp's next exchange but one.
const Words &shown(int lane);

// Runs a kernel over a grid. Ends the program with a sentence where threads wait at different barriers.
void run(void (*kernel)(const void *args), const void *args, const int64_t *blocks, int64_t shared_bytes);

}  // namespace longform::card::emulation
