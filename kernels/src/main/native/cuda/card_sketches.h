// Which half pages a search for the best keys has to read: see sketched_keys.inl.
#pragma once

#include "card_device.h"

namespace longform::card {

class SketchedKeys {
 public:
  // Whether sketches serve a request, which has them: few queries ask for few keys that lie on the card.
  static bool serve(const kernels_top_keys_request &request);

  // `queries` are the card's.
  SketchedKeys(const kernels_top_keys_request &request, Operation &operation, const float *queries);

  // Those that are scored first, in kPeakShares shares.
  KeyHalves peaks();
  // The others that are needed, from the best of the peaks: `lists` for each answer, of which those are the first.
  KeyHalves open(const uint64_t *best, int64_t lists);

  // (G) keys that are scored by each of a key head's rows of queries, on the card.
  const uint32_t *keys() const { return args_.keys; }

 private:
  Operation &operation_;
  SketchedArgs args_ = {};
};

}  // namespace longform::card
