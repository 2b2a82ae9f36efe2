// Spans around voted tokens, chosen and kept where the best keys lie: see spans.inl. Beside what votes need, the card
// needs a bit for each candidate.
#include <algorithm>

#include "card_device.h"
#include "sizes.h"

namespace longform::card {

void CardDevice::spans(const kernels_spans_request &request) {
  const kernels_top_keys_request &keys = *request.votes->keys;
  if (keys.resident == 0 || !holds(request.count) || !holds(request.rows)) {
    throw NotHere("candidates, or rows that are chosen of them, outside of the card's memory");
  }
  Operation operation(*this);
  const VotesArgs votes = votes_by_best_keys(*request.votes, operation, units_);
  if (votes.limit <= 0) {
    pending_ = true;
    card_->zero(request.count, sizeof(int64_t));
    return;
  }
  const int64_t words = blocks_of(votes.candidates, 32);
  SpansArgs args = {};
  args.words = votes.words;
  args.voted = votes.chosen;
  args.marks = operation.zeros<uint32_t>(words);
  args.runs = keys.runs;
  args.rows = request.rows;
  args.count = request.count;
  args.run_count = keys.run_count;
  args.from = keys.from;
  args.candidates = votes.candidates;
  args.reach = request.reach;
  args.budget = request.budget;
  args.row_bytes = keys.layout->row_bytes;
  Grid grid;
  if (request.budget < 0) {
    grid.x = blocks_of(votes.limit, kThreads);
    operation.launch(Kernel::spans_mark, grid, args);
  } else {
    sort_votes(operation, votes);
    operation.launch(Kernel::spans_mark_in_turn, grid, args);
  }
  grid.x = std::min(kMostShares, blocks_of(words, kThreads));
  grid.shared_bytes = kThreads * static_cast<int64_t>(sizeof(uint64_t));
  args.shares = operation.scratch<uint64_t>(grid.x);
  operation.launch(Kernel::spans_shares, grid, args);
  operation.launch(Kernel::spans_rows, grid, args);
}

}  // namespace longform::card
