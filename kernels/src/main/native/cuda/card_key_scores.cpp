// Scores of listed keys on a card: see key_scores.inl.
#include <vector>

#include "card_device.h"
#include "sizes.h"

namespace longform::card {

void CardDevice::key_scores(const kernels_key_scores_request &request) {
  const int64_t keys = request.heads * request.count, head_dim = request.layout->head_dim;
  if (head_dim > kHeadSizes[kHeadSizeCount - 1]) throw NotHere("heads of more than 256 dimensions");
  if (keys == 0) return;
  Operation operation(*this);
  std::vector<kernels_run> moved;
  if (request.resident == 0) moved = runs_on_card(operation, *request.layout, request.keys, keys);
  KeyScoresArgs args = {};
  args.queries = operation.in(request.queries, request.query_count * request.heads * head_dim);
  args.keys = operation.in(request.resident == 0 ? moved.data() : request.keys, keys);
  args.query_count = request.query_count;
  args.heads = request.heads;
  args.count = request.count;
  args.layout = *request.layout;
  if (request.positions != nullptr && request.pairs > 0) {
    args.positions = operation.in(request.positions, request.count);
    args.frequencies = operation.in(request.frequencies, request.pairs);
    args.pairs = request.pairs;
    args.interleaved = request.encoding == KERNELS_ROPE_INTERLEAVED;
    args.factor = request.attention_factor;
    args.angles = operation.scratch<float>(2 * request.count * request.pairs);
    Grid pairs;
    pairs.x = blocks_of(request.count * request.pairs, kThreads);
    operation.launch(Kernel::key_angles, pairs, args);
  }
  args.scores = operation.out(request.scores, keys);
  Grid grid;
  grid.x = blocks_of(keys, kThreads / kWarp);
  operation.launch(Kernel::key_scores, grid, args);
  operation.finish(request.scores, args.scores, keys);
}

}  // namespace longform::card
