// Products of many tokens with weights of 16 bits through the card's library, as far as it has one that does them.
#pragma once

#include "card_device.h"

namespace longform::card {

// Of one call: activations are brought into pieces once for all of its weights, if there is room for all tokens.
class LibraryProducts {
 public:
  LibraryProducts(Operation &operation, const float *x, int64_t tokens, int64_t inner)
      : operation_(operation), x_(x), tokens_(tokens), inner_(inner) {}

  // False where somebody else has to do it: few tokens, other weights, a library that does not want to, no room. A part
  // of `out` may have been written then.
  bool multiply(const kernels_product &product, const uint8_t *weight, float *out);

 private:
  bool multiply_in_parts(const kernels_product &product, const uint8_t *weight, float *out);
  void take(int64_t dtype, int64_t most_tokens, SplitArgs &split);
  // Brings these tokens into pieces, if it is not they that are there.
  void fill(int64_t dtype, int64_t first, int64_t tokens, SplitArgs &split);

  Operation &operation_;
  const float *const x_; // on the card
  const int64_t tokens_, inner_;
  SplitArgs f16_ = {}, bf16_ = {};
  float *sums_ = nullptr;
  int64_t sums_count_ = 0;
};

}  // namespace longform::card
