// Votes for tokens, counted where the best keys lie: see votes.inl. Beside these, of 12 bytes a vote, the card
// needs 4 bytes for each candidate, and for each token that may be chosen 8 bytes and its word of 8 to 16.
#include <algorithm>

#include "card_device.h"
#include "sizes.h"

namespace longform::card {
namespace {

// The chosen tokens' words with those that make their number a power of two, for sort().
int64_t sorted_words(const VotesArgs &args) {
  int64_t size = 2 * kThreads;
  while (size < args.limit) size *= 2;
  return size;
}

// Best first. The size is a power of two from 2 * kThreads on.
void sort(Operation &operation, uint64_t *words, int64_t size) {
  constexpr int64_t kNear = 2 * kThreads; // words that one block sorts
  Grid grid;
  grid.x = size / kNear;
  operation.launch(Kernel::votes_sort, grid, VotesSortArgs{words, 2, kNear, 1, 1});
  for (int64_t length = 2 * kNear; length <= size; length *= 2) {
    for (int64_t stride = length / 2; stride > kThreads; stride /= 2) {
      operation.launch(Kernel::votes_sort, grid, VotesSortArgs{words, length, length, stride, stride});
    }
    operation.launch(Kernel::votes_sort, grid, VotesSortArgs{words, length, length, kThreads, 1});
  }
}

}  // namespace

VotesArgs votes_by_best_keys(const kernels_votes_request &request, Operation &operation, Units units) {
  const kernels_top_keys_request &keys = *request.keys;
  const int64_t voters = keys.heads * keys.query_count, votes = voters * keys.k, candidates = keys.to - keys.from;
  if (votes >= int64_t{1} << 31) throw NotHere("more than two thousand million votes");
  VotesArgs args = {};
  args.voters = voters;
  args.k = keys.k;
  args.from = keys.from;
  args.candidates = candidates;
  args.limit = std::min(request.limit, std::min(votes, candidates));
  args.order = request.order;
  if (args.limit <= 0) return args;
  int64_t *rows = operation.scratch<int64_t>(votes);
  best_keys(keys, operation, units, rows, operation.scratch<float>(votes));
  args.rows = rows;
  args.weights = operation.zeros<uint32_t>(candidates);
  args.chosen = operation.scratch<int64_t>(1);
  Grid grid;
  grid.x = blocks_of(votes, kThreads);
  if (args.order == KERNELS_ORDER_RANK) {
    args.words = operation.scratch<uint64_t>(args.limit);
    operation.launch(Kernel::votes_first, grid, args);
  } else {
    args.words = operation.zeros<uint64_t>(sorted_words(args));
    args.reached = operation.zeros<uint32_t>(voters + 2);
    operation.launch(Kernel::votes_count, grid, args);
  }
  grid.x = std::min(kMostShares, blocks_of(args.order == KERNELS_ORDER_RANK ? votes : candidates, kThreads));
  grid.shared_bytes = kThreads * static_cast<int64_t>(sizeof(uint64_t));
  args.shares = operation.scratch<uint64_t>(grid.x);
  operation.launch(Kernel::votes_shares, grid, args);
  operation.launch(Kernel::votes_choose, grid, args);
  return args;
}

void sort_votes(Operation &operation, const VotesArgs &args) {
  // by rank they were found in order
  if (args.order == KERNELS_ORDER_VOTES) sort(operation, args.words, sorted_words(args));
}

void CardDevice::votes(const kernels_votes_request &request) {
  Operation operation(*this);
  VotesArgs args = votes_by_best_keys(request, operation, units_);
  if (args.limit <= 0) {
    *request.count = 0;
    return;
  }
  sort_votes(operation, args);
  args.tokens = operation.out(request.tokens, args.limit);
  Grid each;
  each.x = blocks_of(args.limit, kThreads);
  operation.launch(Kernel::votes_tokens, each, args);
  operation.finish(request.count, args.chosen, 1);
  operation.finish(request.tokens, args.tokens, *request.count);
}

}  // namespace longform::card
