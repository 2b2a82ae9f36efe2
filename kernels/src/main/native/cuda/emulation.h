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
extern Place here;

void wait_for_block();
bool any_of_block(bool said);
bool any_of_warp(bool said);
uint64_t word_of_lane(uint64_t word, int mask);

// What a lane shows to its warp: words of two matrices, and the numbers of 16 bits in them where they have such.
struct Fragment {
  uint32_t a[4], b[2];
  float numbers_a[8], numbers_b[4];
};
// Every lane of a warp shows its own and waits for the others. What they all showed, by lanes, until the warp's next
// exchange but one.
const Fragment *show(const Fragment &fragment);

// Eight products and the sum so far are brought to the exponent of the largest, cut there and added, and what comes
// out is cut to float32: nothing is rounded to nearest. So the tensor cores that were looked into do
// (Fasi, Higham, Mikaitis and Pranesh, 2021), with at least as many bits; NVIDIA promises less.
float add_cut(float sum, const double (&products)[8]);

// Rows of four words that a warp may load together begin at multiples of 16 bytes. Ends the program with a sentence where
// these do not.
void require_matrix(const uint32_t *rows, int pitch);

// c += a · b, the part of one lane of a warp that showed these (mma.h): of their numbers, or of signed bytes.
void add_products(const Fragment *warp, int lane, float (&c)[4]);
void add_products(const Fragment *warp, int lane, int (&c)[4]);

// Runs a kernel over a grid. Ends the program with a sentence where threads wait at different barriers.
void run(void (*kernel)(const void *args), const void *args, const int64_t *blocks, int64_t shared_bytes);

}  // namespace longform::card::emulation
