// The tokens that best keys are votes for: the first ones by the number of votes, or by the rank of the first vote.
// A token has a weight, and comes before those of less weight and later ones of the same:
//
//   by votes  how often it was voted for
//   by rank   how many votes come with its first one or behind it, all best keys before all second ones: no two
//             tokens have the same
//
// Weights lie side by side for all candidates. Integers are counted, so the order of threads changes nothing.

namespace longform::card {

// What one thing counts in a share: one that is chosen, or one of those of which the first are.
constexpr uint64_t kChosen = uint64_t{1} << 32;
constexpr uint64_t kEqual = 1;

CARD uint64_t weighed(uint32_t weight, int64_t place) {
  return static_cast<uint64_t>(weight) << 32 | (0xffffffffu - static_cast<uint32_t>(place));
}

// One thread for each vote.
CARD_KERNEL(votes_count, VotesArgs) {
  const int64_t i = element_of_grid();
  if (i >= args.voters * args.k) return;
  const uint32_t votes = atomic_add(args.weights + (args.rows[i] - args.from), 1) + 1;
  // every token passes each number up to its own once, so nobody need look at the candidates again to count them
  atomic_add(args.reached + votes, 1);
}

// The same by rank.
CARD_KERNEL(votes_first, VotesArgs) {
  const int64_t i = element_of_grid(), votes = args.voters * args.k;
  if (i >= votes) return;
  const int64_t turn = i % args.k * args.voters + i / args.k;
  atomic_max(args.weights + (args.rows[i] - args.from), static_cast<uint32_t>(votes - turn));
}

// Among all candidates as the document has them, those with more votes than `bar` are chosen, and of those with just as
// many the first ones.
struct ByVotes {
  const VotesArgs &args;
  int64_t bar;

  CARD explicit ByVotes(const VotesArgs &of) : args(of), bar(0) {
    // the most votes that more tokens have than may be chosen; none if all may
    for (int64_t end = args.voters + 1; end - bar > 1;) {
      const int64_t middle = (bar + end) / 2;
      if (args.reached[middle] > args.limit) {
        bar = middle;
      } else {
        end = middle;
      }
    }
  }

  CARD int64_t count() const { return args.candidates; }
  CARD int64_t above() const { return args.reached[bar + 1]; }
  CARD uint64_t share(int64_t i) const {
    const int64_t weight = args.weights[i];
    return weight > bar ? kChosen : weight == bar && bar > 0 ? kEqual : 0;
  }
  CARD uint64_t word(int64_t i) const { return weighed(args.weights[i], i); }
};

// Among all votes by rank, the first ones that are the first for their token.
struct ByRank {
  const VotesArgs &args;
  const int64_t votes;

  CARD explicit ByRank(const VotesArgs &of) : args(of), votes(of.voters * of.k) {}

  CARD int64_t count() const { return votes; }
  CARD int64_t above() const { return 0; }
  CARD int64_t place(int64_t i) const { return args.rows[i % args.voters * args.k + i / args.voters] - args.from; }
  CARD uint64_t share(int64_t i) const { return args.weights[place(i)] == votes - i ? kEqual : 0; }
  CARD uint64_t word(int64_t i) const { return weighed(static_cast<uint32_t>(votes - i), place(i)); }
};

// The sum over the threads before this one; sums[kThreads - 1] is that of all. The memory is free after a barrier.
CARD uint64_t sum_before(uint64_t mine, uint64_t *sums) {
  const int thread = thread_of_block();
  sums[thread] = mine;
  block_barrier();
  for (int step = 1; step < kThreads; step *= 2) {
    const uint64_t further = thread >= step ? sums[thread - step] : 0;
    block_barrier();
    sums[thread] += further;
    block_barrier();
  }
  return sums[thread] - mine;
}

// The sum over the threads of all blocks before this one; `shares` has that of each block.
CARD uint64_t sum_before_of_grid(uint64_t mine, const uint64_t *shares, uint64_t *sums) {
  uint64_t before = 0;
  for (int64_t block = thread_of_block(); block < block_x(); block += kThreads) before += shares[block];
  sum_before(before, sums);
  before = sums[kThreads - 1];
  block_barrier();
  return before + sum_before(mine, sums);
}

// What a thread looks at, so that threads and blocks follow each other.
template <typename Items>
struct Stretch {
  int64_t begin, end;
  uint64_t share = 0;

  CARD explicit Stretch(const Items &items) {
    const int64_t threads = blocks_x() * kThreads, number = element_of_grid();
    begin = items.count() * number / threads;
    end = items.count() * (number + 1) / threads;
    for (int64_t i = begin; i < end; i++) share += items.share(i);
  }
};

template <typename Items, typename Args>
CARD void count_shares(const Args &args) {
  uint64_t *sums = reinterpret_cast<uint64_t *>(shared_memory());
  sum_before(Stretch<Items>(Items(args)).share, sums);
  if (thread_of_block() == 0) args.shares[block_x()] = sums[kThreads - 1];
}

template <typename Items>
CARD void choose(const VotesArgs &args) {
  uint64_t *sums = reinterpret_cast<uint64_t *>(shared_memory());
  const Items items(args);
  const Stretch<Items> stretch(items);
  uint64_t before = sum_before_of_grid(stretch.share, args.shares, sums);
  const int64_t above = items.above();
  for (int64_t i = stretch.begin; i < stretch.end; i++) {
    const uint64_t share = items.share(i);
    if (share == 0) continue;
    const int64_t at = static_cast<int64_t>(share == kChosen ? before >> 32 : above + (before & 0xffffffffu));
    if (at < args.limit) args.words[at] = items.word(i);
    before += share;
  }
  if (element_of_grid() + 1 == blocks_x() * kThreads) {
    *args.chosen = least(args.limit, above + static_cast<int64_t>(before & 0xffffffffu));
  }
}

CARD_KERNEL(votes_shares, VotesArgs) {
  if (args.order == KERNELS_ORDER_RANK) {
    count_shares<ByRank>(args);
  } else {
    count_shares<ByVotes>(args);
  }
}

CARD_KERNEL(votes_choose, VotesArgs) {
  if (args.order == KERNELS_ORDER_RANK) {
    choose<ByRank>(args);
  } else {
    choose<ByVotes>(args);
  }
}

// One thread for each two words of a step of a bitonic network, best first.
CARD_KERNEL(votes_sort, VotesSortArgs) {
  const int64_t i = element_of_grid();
  int64_t stride = args.stride;
  for (int64_t length = args.length; length <= args.last; length *= 2) {
    for (; stride >= args.least; stride /= 2) {
      const int64_t a = i / stride * 2 * stride + i % stride, b = a + stride;
      const uint64_t first = args.words[a], second = args.words[b];
      if ((a & length) == 0 ? first < second : first > second) {
        args.words[a] = second;
        args.words[b] = first;
      }
      // the words of further steps are those of this block
      block_barrier();
    }
    stride = length;
  }
}

CARD_KERNEL(votes_tokens, VotesArgs) {
  const int64_t i = element_of_grid();
  if (i < *args.chosen) args.tokens[i] = args.from + place_of(args.words[i]);
}

}  // namespace longform::card
