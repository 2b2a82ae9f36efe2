// What a test tells the driver of the tests, and hears from it.
#pragma once

#include <stdint.h>

struct FakeDriver {
  int64_t limit;          // bytes of the card
  int32_t cuda;           // of the driver, such as 13000
  int32_t has_no_card;
  int32_t refuses_pinned; // what the driver says instead of giving pinned memory, or 0
  int32_t pins_elsewhere; // whether the card has other addresses for pinned memory than the host
  int32_t is_lost;        // launches fail, and so does all that waits

  // written by the driver
  int64_t used;         // bytes of the card
  int64_t pinned;       // bytes
  int64_t launches;
  int64_t waits;        // of the host
  int64_t pageable;     // copies from or to memory that is not pinned
  int64_t late_changes; // copies that found another content than they were asked for
  // the newest launches, records of events and waits of streams for them: L, R or W, the stream, and the event's letter
  char calls[64];
};

extern "C" FakeDriver *fake_driver();
