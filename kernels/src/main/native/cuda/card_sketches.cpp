// Sketches on a card: see sketch.inl and sketched_keys.inl.
#include "card_sketches.h"

#include <algorithm>

#include "../sketch.h"
#include "sizes.h"

namespace longform::card {
namespace {

int64_t rows_of(const kernels_top_keys_request &request) {
  return request.query_count * (request.heads / request.layout->kv_heads);
}

int64_t bytes_of_bounds(const SketchLayout &layout, int64_t rows) {
  const int64_t queries = rows * (4 * layout.quads + 4 * layout.mean_dims + static_cast<int64_t>(sizeof(CodedQuery)));
  return std::max<int64_t>(queries, kThreads * kSlots * static_cast<int64_t>(sizeof(uint64_t)));
}

}  // namespace

bool SketchedKeys::serve(const kernels_top_keys_request &request) {
  return request.sketches != nullptr && request.resident != 0 && rows_of(request) <= kFewCoreRows &&
         request.k <= kSlots && request.block_rows == 1 && request.key_norm == KERNELS_NORM_NONE;
}

SketchedKeys::SketchedKeys(const kernels_top_keys_request &request, Operation &operation, const float *queries)
    : operation_(operation) {
  const int64_t kv_heads = request.layout->kv_heads;
  args_.queries = queries;
  args_.runs = request.runs;
  args_.sketches = operation.in(request.sketches, request.run_count);
  args_.k = request.k;
  args_.query_count = request.query_count;
  args_.heads = request.heads;
  args_.modulo = request.pairing == KERNELS_PAIRING_MODULO;
  args_.run_count = request.run_count;
  args_.count = request.to - request.from;
  args_.query_rows = rows_of(request);
  args_.padded = args_.query_rows <= 4 ? 4 : args_.query_rows <= 8 ? 8 : 16;
  const int64_t shares = blocks_of(kSketchShares * operation.card().processors(), kv_heads);
  args_.shares = std::max<int64_t>(1, std::min(shares, request.run_count / 4));
  // few of all half pages, or they would be most of what is scored
  const int64_t few = 2 * args_.run_count / kHalvesOfPeak / kSlots * kSlots;
  args_.peaks_of_row = std::clamp<int64_t>(few, kSlots, kThreads / args_.padded);
  args_.layout = *request.layout;
  const SketchLayout layout(args_.layout.head_dim);
  args_.codes = operation.scratch<uint32_t>(kv_heads * layout.quads * args_.padded);
  args_.coded = operation.scratch<CodedQuery>(kv_heads * args_.padded);
  args_.bounds = operation.scratch<float>(kv_heads * 2 * args_.run_count * args_.query_rows);
  args_.peaks = operation.scratch<uint64_t>(kv_heads * args_.query_rows * args_.shares * kSlots);
  args_.peak_halves = operation.scratch<uint32_t>(kv_heads * args_.query_rows * args_.peaks_of_row);
  args_.open_halves = operation.scratch<uint32_t>(kv_heads * 2 * args_.run_count);
  uint32_t *counts = operation.zeros<uint32_t>(3 * kv_heads);
  args_.peak_counts = counts;
  args_.open_counts = counts + kv_heads;
  args_.keys = counts + 2 * kv_heads;
}

KeyHalves SketchedKeys::peaks() {
  const SketchLayout layout(args_.layout.head_dim);
  Grid heads;
  heads.x = args_.layout.kv_heads;
  operation_.launch(Kernel::sketch_queries, heads, args_);
  Grid shares;
  shares.x = args_.shares;
  shares.y = args_.layout.kv_heads;
  shares.shared_bytes = bytes_of_bounds(layout, args_.padded);
  const Kernel bounds = args_.padded == 4   ? Kernel::sketch_bounds_4
                        : args_.padded == 8 ? Kernel::sketch_bounds_8
                                            : Kernel::sketch_bounds_16;
  operation_.launch(bounds, shares, args_);
  heads.shared_bytes = kThreads * static_cast<int64_t>(sizeof(uint64_t) + sizeof(uint32_t));
  operation_.launch(Kernel::sketch_peaks, heads, args_);
  return {args_.runs, args_.peak_halves, args_.peak_counts, args_.query_rows * args_.peaks_of_row};
}

KeyHalves SketchedKeys::open(const uint64_t *best, int64_t lists) {
  args_.best = best;
  args_.lists = lists;
  args_.peak_lists = kPeakShares;
  const int64_t halves = 2 * args_.run_count;
  Grid grid;
  grid.x = blocks_of(halves, kThreads);
  grid.y = args_.layout.kv_heads;
  grid.shared_bytes = kFewCoreRows * static_cast<int64_t>(sizeof(float));
  operation_.launch(Kernel::sketch_open, grid, args_);
  return {args_.runs, args_.open_halves, args_.open_counts, halves};
}

void CardDevice::sketch(const kernels_kv_layout &layout, const kernels_sketch_page *pages, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (!holds(pages[i].key) || !holds(pages[i].sketch)) throw NotHere("a page, or its sketch, that is on the host");
  }
  const SketchLayout of_sketch(layout.head_dim);
  Operation operation(*this);
  const SketchArgs args = {operation.in(pages, count), layout};
  Grid grid;
  grid.x = count;
  grid.y = layout.kv_heads;
  grid.shared_bytes = 4 * (kSketchRows + of_sketch.mean_dims + 2 * kThreads / kWarp + kSketchRows * (of_sketch.quads + 1));
  operation.launch(Kernel::card_sketch, grid, args);
}

}  // namespace longform::card
