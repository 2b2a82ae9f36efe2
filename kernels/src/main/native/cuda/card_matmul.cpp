// Products on a card: activations are brought into the forms that the weights' dtypes meet, each once for all products
// of a call, and who multiplies is chosen: kernels for few tokens, or for many the card's library, tensor cores or ordinary
// units.
#include <vector>

#include "../cpu/formats.h"
#include "card_device.h"
#include "library_products.h"
#include "sizes.h"

namespace longform::card {
namespace {

// The kernel for a dtype, of those that follow each other from `first` on, which is that of `first_dtype`.
Kernel kernel_of_dtype(Kernel first, int64_t first_dtype, int64_t dtype) {
  return static_cast<Kernel>(static_cast<int64_t>(first) + dtype - first_dtype);
}

class Products {
 public:
  // x on the card
  Products(Operation &operation, const float *x, int64_t tokens, int64_t inner)
      : operation_(operation), x_(x), tokens_(tokens), inner_(inner) {}

  // Weights of one dtype are multiplied by one launch: of one token that takes as long as many a product.
  void few(const kernels_product &product, const uint8_t *weight, float *out) {
    if (few_count_ == kMostFewProducts || (few_count_ > 0 && product.dtype != few_dtype_)) finish_few();
    few_dtype_ = product.dtype;
    few_args_.products[few_count_++] = {weight, out, product.outer, few_blocks_};
    few_blocks_ += blocks_of(product.outer, kThreads / kWarp);
  }

  void finish_few() {
    if (few_count_ == 0) return;
    few_args_.x = x_;
    if (is_quantised(few_dtype_)) {
      const CodesArgs &of = all_codes();
      few_args_.codes = of.codes;
      few_args_.scales = of.scales;
      few_args_.sums = of.sums;
    }
    for (int64_t j = few_count_; j < kMostFewProducts; j++) few_args_.products[j].first = INT64_MAX;
    few_args_.tokens = tokens_;
    few_args_.inner = inner_;
    few_args_.row_bytes = stored_bytes(few_dtype_, inner_);
    Grid grid;
    grid.x = few_blocks_;
    operation_.launch(kernel_of_dtype(Kernel::matmul_few_f32, KERNELS_F32, few_dtype_), grid, few_args_);
    few_args_ = {};
    few_count_ = few_blocks_ = 0;
  }

  void many(const kernels_product &product, const uint8_t *weight, float *out) {
    Grid grid;
    grid.x = blocks_of(product.outer, kTileRows);
    grid.y = blocks_of(tokens_, kTileRows);
    grid.shared_bytes = is_quantised(product.dtype) ? kCodeTileBytes : kFloatTileBytes;
    operation_.launch(kernel_of_dtype(Kernel::matmul_many_f32, KERNELS_F32, product.dtype), grid,
                     ordinary(product, weight, out));
  }

  // Not of float32 weights.
  void many_by_cores(const kernels_product &product, const uint8_t *weight, float *out) {
    Grid grid;
    grid.y = blocks_of(product.outer, kCoreRows);
    if (is_quantised(product.dtype)) {
      grid.x = blocks_of(tokens_, kCoreCodeTokens);
      grid.shared_bytes = kCoreCodeBytes;
      operation_.launch(kernel_of_dtype(Kernel::matmul_cores_q8_0, KERNELS_Q8_0, product.dtype), grid,
                       ordinary(product, weight, out));
      return;
    }
    const SplitArgs &split = split_for(product.dtype);
    SplitMatmulArgs args = {};
    args.pieces = split.pieces;
    args.scales = split.scales;
    args.weight = weight;
    args.out = out;
    args.tokens = tokens_;
    args.inner = inner_;
    args.padded = split.padded;
    args.outer = product.outer;
    args.row_bytes = stored_bytes(product.dtype, inner_);
    grid.x = blocks_of(tokens_, kCoreHalfTokens);
    grid.shared_bytes = product.dtype == KERNELS_F16 ? kCoreHalfBytes<kPiecesF16> : kCoreHalfBytes<kPiecesBf16>;
    operation_.launch(kernel_of_dtype(Kernel::matmul_cores_f16, KERNELS_F16, product.dtype), grid, args);
  }

 private:
  Operation &operation_;
  const float *const x_;
  const int64_t tokens_, inner_;
  CodesArgs codes_ = {};
  SplitArgs split_f16_ = {}, split_bf16_ = {};
  // products of few tokens that are not asked for yet
  FewArgs few_args_ = {};
  int64_t few_count_ = 0, few_blocks_ = 0;
  int64_t few_dtype_ = KERNELS_F32;

  MatmulArgs ordinary(const kernels_product &product, const uint8_t *weight, float *out) {
    MatmulArgs args = {};
    args.x = x_;
    if (is_quantised(product.dtype)) {
      const CodesArgs &of = all_codes();
      args.codes = of.codes;
      args.scales = of.scales;
      args.sums = of.sums;
    }
    args.weight = weight;
    args.out = out;
    args.tokens = tokens_;
    args.inner = inner_;
    args.outer = product.outer;
    args.row_bytes = stored_bytes(product.dtype, inner_);
    return args;
  }

  const CodesArgs &all_codes() {
    if (codes_.codes != nullptr) return codes_;
    const int64_t blocks = tokens_ * (inner_ / 32);
    codes_ = {x_, operation_.scratch<int8_t>(blocks * 32), operation_.scratch<float>(blocks),
             operation_.scratch<float>(blocks), blocks};
    Grid grid;
    grid.x = blocks_of(blocks, kThreads / kWarp);
    operation_.launch(Kernel::card_codes, grid, codes_);
    return codes_;
  }

  const SplitArgs &split_for(int64_t dtype) {
    const bool f16 = dtype == KERNELS_F16;
    SplitArgs &split = f16 ? split_f16_ : split_bf16_;
    if (split.pieces != nullptr) return split;
    const int64_t blocks = blocks_of(inner_, 32);
    split.x = x_;
    split.tokens = tokens_;
    split.inner = inner_;
    split.padded = blocks * 32;
    split.pieces = operation_.scratch<uint16_t>((f16 ? kPiecesF16 : kPiecesBf16) * tokens_ * split.padded);
    if (f16) split.scales = operation_.scratch<float>(tokens_ * blocks);
    Grid grid;
    grid.x = blocks_of(tokens_ * blocks, kThreads / kWarp);
    operation_.launch(f16 ? Kernel::card_split_f16 : Kernel::card_split_bf16, grid, split);
    return split;
  }
};

}  // namespace

void CardDevice::matmul(const float *x, int64_t tokens, int64_t inner, const kernels_product *products,
                        int64_t count) {
  if (tokens == 0 || inner == 0) return;
  Operation operation(*this);
  const float *there = operation.in(x, tokens * inner);
  Products all(operation, there, tokens, inner);
  LibraryProducts library(operation, there, tokens, inner);
  std::vector<float *> outs;
  for (int64_t j = 0; j < count; j++) {
    const kernels_product &product = products[j];
    const uint8_t *weight = operation.in(static_cast<const uint8_t *>(product.weight),
                                         stored_bytes(product.dtype, inner) * product.outer);
    float *out = operation.out(product.out, tokens * product.outer);
    outs.push_back(out);
    if (tokens <= KERNELS_ALIKE_TOKENS) {
      all.few(product, weight, out);
    } else if (units_ == Units::kLibrary && library.multiply(product, weight, out)) {
      continue;
    } else if (units_ != Units::kOrdinary && product.dtype != KERNELS_F32) {
      all.many_by_cores(product, weight, out);
    } else {
      all.many(product, weight, out);
    }
  }
  all.finish_few();
  for (int64_t j = 0; j < count; j++) {
    operation.finish(products[j].out, outs[static_cast<size_t>(j)], tokens * products[j].outer);
  }
}

}  // namespace longform::card
