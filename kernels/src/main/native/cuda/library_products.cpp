#include "library_products.h"

#include <algorithm>

#include "../cpu/formats.h"
#include "sizes.h"

namespace longform::card {
namespace {

// Rows of a weight that libraries multiply together, or a few times as many.
constexpr int64_t kTile = 128;

// The least number of parts of at most `most`, and how large the largest of them is.
int64_t even_parts(int64_t whole, int64_t most) { return blocks_of(whole, blocks_of(whole, most)); }

}  // namespace

bool LibraryProducts::multiply(const kernels_product &product, const uint8_t *weight, float *out) {
  if (tokens_ < kLeastLibraryTokens || product.outer == 0) return false;
  if (product.dtype != KERNELS_F16 && product.dtype != KERNELS_BF16) return false;
  try {
    return multiply_in_parts(product, weight, out);
  } catch (const CardFull &) {
    // kernels of our own need less
    return false;
  }
}

bool LibraryProducts::multiply_in_parts(const kernels_product &product, const uint8_t *weight, float *out) {
  const bool f16 = product.dtype == KERNELS_F16;
  const int64_t count = f16 ? kPiecesF16 : kPiecesBf16, padded = blocks_of(inner_, 32) * 32;
  const int64_t tokens_at_once =
      even_parts(tokens_, std::max(kLeastLibraryTokens, kLibraryBytes / (count * padded * 2)));
  // whole tiles, so that the weights of each part begin as the first one's do, to 256 bytes
  const int64_t most_tiles = std::max<int64_t>(1, kLibraryBytes / (count * tokens_at_once * 4) / kTile);
  const int64_t rows_at_once =
      std::min(product.outer, even_parts(blocks_of(product.outer, kTile), most_tiles) * kTile);
  const int64_t row_bytes = stored_bytes(product.dtype, inner_);

  Gemm gemm = {};
  gemm.dtype = product.dtype;
  gemm.w = weight;
  gemm.rows = count * tokens_at_once;
  gemm.outer = rows_at_once;
  gemm.inner = inner_;
  gemm.x_stride = padded;
  gemm.w_stride = inner_;
  gemm.out_stride = rows_at_once;
  // before scratch is taken for nothing
  if (!operation_.card().multiplies(gemm)) return false;

  SplitArgs &split = f16 ? f16_ : bf16_;
  if (split.pieces == nullptr) take(product.dtype, tokens_at_once, split);
  const int64_t sums = count * tokens_at_once * rows_at_once;
  if (sums_count_ < sums) {
    sums_ = operation_.scratch<float>(sums);
    sums_count_ = sums;
  }
  gemm.x = split.pieces;
  gemm.out = sums_;
  for (int64_t first = 0; first < tokens_; first += tokens_at_once) {
    const int64_t tokens = std::min(tokens_at_once, tokens_ - first);
    for (int64_t row = 0; row < product.outer; row += rows_at_once) {
      const int64_t rows = std::min(rows_at_once, product.outer - row);
      gemm.w = weight + row * row_bytes;
      gemm.rows = count * tokens;
      gemm.outer = rows;
      gemm.out_stride = rows;
      fill(product.dtype, first, tokens, split);
      if (!operation_.multiply(gemm)) return false;
      JoinArgs join = {};
      join.sums = sums_;
      join.scales = split.scales;
      join.out = out + first * product.outer + row;
      join.pieces = count;
      join.tokens = tokens;
      join.width = rows;
      join.stride = product.outer;
      Grid grid;
      grid.x = tokens;
      grid.y = blocks_of(rows, kThreads);
      operation_.launch(Kernel::card_join, grid, join);
    }
  }
  return true;
}

void LibraryProducts::take(int64_t dtype, int64_t most_tokens, SplitArgs &split) {
  const bool f16 = dtype == KERNELS_F16;
  split.inner = inner_;
  split.padded = blocks_of(inner_, 32) * 32;
  if (f16) split.scales = operation_.scratch<float>(most_tokens);
  split.pieces = operation_.scratch<uint16_t>((f16 ? kPiecesF16 : kPiecesBf16) * most_tokens * split.padded);
}

void LibraryProducts::fill(int64_t dtype, int64_t first, int64_t tokens, SplitArgs &split) {
  if (split.x == x_ + first * inner_) return;
  split.x = x_ + first * inner_;
  split.tokens = tokens;
  Grid grid;
  if (dtype == KERNELS_F16) {
    grid.x = tokens;
    grid.shared_bytes = kThreads / kWarp * static_cast<int64_t>(sizeof(float));
    operation_.launch(Kernel::card_split_rows_f16, grid, split);
  } else {
    grid.x = blocks_of(tokens * (split.padded / 32), kThreads / kWarp);
    operation_.launch(Kernel::card_split_bf16, grid, split);
  }
}

}  // namespace longform::card
