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

struct Products {
  Operation &operation;
  const float *x; // on the card
  const int64_t tokens, inner;
  CodesArgs codes = {};
  SplitArgs split_f16 = {}, split_bf16 = {};

  void few(const kernels_product &product, const uint8_t *weight, float *out) {
    Grid grid;
    grid.x = blocks_of(product.outer, kThreads / kWarp);
    operation.launch(kernel_of_dtype(Kernel::matmul_few_f32, KERNELS_F32, product.dtype), grid,
                     ordinary(product, weight, out));
  }

  void many(const kernels_product &product, const uint8_t *weight, float *out) {
    Grid grid;
    grid.x = blocks_of(product.outer, kTileRows);
    grid.y = blocks_of(tokens, kTileRows);
    grid.shared_bytes = is_quantised(product.dtype) ? kCodeTileBytes : kFloatTileBytes;
    operation.launch(kernel_of_dtype(Kernel::matmul_many_f32, KERNELS_F32, product.dtype), grid,
                     ordinary(product, weight, out));
  }

  // Not of float32 weights.
  void many_by_cores(const kernels_product &product, const uint8_t *weight, float *out) {
    Grid grid;
    grid.y = blocks_of(product.outer, kCoreRows);
    if (is_quantised(product.dtype)) {
      grid.x = blocks_of(tokens, kCoreCodeTokens);
      grid.shared_bytes = kCoreCodeBytes;
      operation.launch(kernel_of_dtype(Kernel::matmul_cores_q8_0, KERNELS_Q8_0, product.dtype), grid,
                       ordinary(product, weight, out));
      return;
    }
    const SplitArgs &split = split_for(product.dtype);
    SplitMatmulArgs args = {};
    args.pieces = split.pieces;
    args.scales = split.scales;
    args.weight = weight;
    args.out = out;
    args.tokens = tokens;
    args.inner = inner;
    args.padded = split.padded;
    args.outer = product.outer;
    args.row_bytes = stored_bytes(product.dtype, inner);
    grid.x = blocks_of(tokens, kCoreHalfTokens);
    grid.shared_bytes = product.dtype == KERNELS_F16 ? kCoreHalfBytes<kPiecesF16> : kCoreHalfBytes<kPiecesBf16>;
    operation.launch(kernel_of_dtype(Kernel::matmul_cores_f16, KERNELS_F16, product.dtype), grid, args);
  }

 private:
  MatmulArgs ordinary(const kernels_product &product, const uint8_t *weight, float *out) {
    MatmulArgs args = {};
    args.x = x;
    if (is_quantised(product.dtype)) {
      const CodesArgs &of = all_codes();
      args.codes = of.codes;
      args.scales = of.scales;
      args.sums = of.sums;
    }
    args.weight = weight;
    args.out = out;
    args.tokens = tokens;
    args.inner = inner;
    args.outer = product.outer;
    args.row_bytes = stored_bytes(product.dtype, inner);
    return args;
  }

  const CodesArgs &all_codes() {
    if (codes.codes != nullptr) return codes;
    const int64_t blocks = tokens * (inner / 32);
    codes = {x, operation.scratch<int8_t>(blocks * 32), operation.scratch<float>(blocks),
             operation.scratch<float>(blocks), blocks};
    Grid grid;
    grid.x = blocks_of(blocks, kThreads / kWarp);
    operation.launch(Kernel::card_codes, grid, codes);
    return codes;
  }

  const SplitArgs &split_for(int64_t dtype) {
    const bool f16 = dtype == KERNELS_F16;
    SplitArgs &split = f16 ? split_f16 : split_bf16;
    if (split.pieces != nullptr) return split;
    const int64_t blocks = blocks_of(inner, 32);
    split.x = x;
    split.tokens = tokens;
    split.inner = inner;
    split.padded = blocks * 32;
    split.pieces = operation.scratch<uint16_t>((f16 ? kPiecesF16 : kPiecesBf16) * tokens * split.padded);
    if (f16) split.scales = operation.scratch<float>(tokens * blocks);
    Grid grid;
    grid.x = blocks_of(tokens * blocks, kThreads / kWarp);
    operation.launch(f16 ? Kernel::card_split_f16 : Kernel::card_split_bf16, grid, split);
    return split;
  }
};

}  // namespace

void CardDevice::matmul(const float *x, int64_t tokens, int64_t inner, const kernels_product *products,
                        int64_t count) {
  if (tokens == 0 || inner == 0) return;
  Operation operation(*this);
  Products all = {operation, operation.in(x, tokens * inner), tokens, inner};
  LibraryProducts library(operation, all.x, tokens, inner);
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
  for (int64_t j = 0; j < count; j++) {
    operation.finish(products[j].out, outs[static_cast<size_t>(j)], tokens * products[j].outer);
  }
}

}  // namespace longform::card
