// A card: memory of its own and kernels that run on it, in the order they are asked for. Made by
// driver_card.cpp (a real one), emulated_card.cpp (tests) or no_card.cpp (a build without CUDA).
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "arguments.h"
#include "gemm.h"

namespace longform::card {

// What a card answers when it cannot go on: after it nothing on it works any more.
struct CardLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Its memory is taken.
struct CardFull : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the card's kernels do not do; the processor's do.
struct NotHere : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Grid {
  int64_t x = 1, y = 1, z = 1;
  int64_t shared_bytes = 0;
};

class Card {
 public:
  virtual ~Card() = default;

  // Aligned to 256. Throws CardFull.
  virtual void *allocate(int64_t bytes) = 0;
  // What was asked for before must be done.
  virtual void release(void *memory) noexcept = 0;
  // Memory of the host, page-locked, which the card reads and writes at the same address; otherwise as above. Throws
  // NotHere where the card does not see it there.
  virtual void *allocate_pinned(int64_t bytes) = 0;
  virtual void release_pinned(void *memory) noexcept = 0;
  // Scratch for one operation: good until end().
  virtual void *scratch(int64_t bytes) = 0;
  virtual void end() noexcept = 0;
  // Releases memory of scratch, to be called between operations when what was asked for is done. Bytes of it.
  virtual int64_t shrink() noexcept = 0;

  // All of these are done in the order of the calls. download() and wait() return when they are, the others may
  // return before; `from` of an upload and `args` may change then.
  virtual void upload(void *to, const void *from, int64_t bytes) = 0;
  virtual void download(void *to, const void *from, int64_t bytes) = 0;
  virtual void zero(void *memory, int64_t bytes) = 0;
  // Between memory of the card and pinned memory, in any way; the two do not overlap.
  virtual void copy(void *to, const void *from, int64_t bytes) = 0;
  virtual void launch(Kernel kernel, const Grid &grid, const void *args) = 0;
  virtual void wait() = 0;

  // Launches beside all that, in an order of their own: copies across the bus while kernels work. What is launched ahead
  // comes after what was asked for before the last let_ahead_wait(); what is asked for after wait_for_ahead() comes
  // after what was launched ahead before it. An operation waits for all that it launched ahead.
  virtual void launch_ahead(Kernel kernel, const Grid &grid, const void *args) = 0;
  virtual void let_ahead_wait() = 0;
  virtual void wait_for_ahead() = 0;

  // Whether a library of the card's maker has a way for such a product, whose x and out may be missing and are then as
  // scratch is; and asking for it, in the order of the calls, too. multiply() may answer false where multiplies() said
  // yes: then nothing was asked for.
  virtual bool multiplies(const Gemm &) { return false; }
  virtual bool multiply(const Gemm &) { return false; }

  // Multiprocessors.
  virtual int64_t processors() const = 0;
  virtual void free_bytes(int64_t *free, int64_t *all) const = 0;
  // Bytes that pages and activations leave to operations: those fail where they find nothing, and pages do not.
  virtual int64_t spared_bytes() const = 0;
};

// Cards that this process may use.
int32_t card_count();
std::string card_name(int32_t card);
// Why it cannot be used, or why there is none, as part of a sentence; empty if it can.
std::string card_missing(int32_t card);
std::unique_ptr<Card> open_card(int32_t card);

}  // namespace longform::card
