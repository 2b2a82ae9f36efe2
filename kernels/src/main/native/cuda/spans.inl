// Spans around the voted tokens, united: a bit for each candidate, and the rows of those that are set by sums over
// blocks in the order of the document.

namespace longform::card {

// The span around the i-th of the voted tokens: candidates, and the words of marks that they lie in.
struct Span {
  int64_t begin, end;
  int64_t word, last;

  CARD Span(const SpansArgs &args, int64_t i) {
    const int64_t place = place_of(args.words[i]);
    begin = place < args.reach ? 0 : place - args.reach;
    end = least(args.candidates, place + args.reach);
    word = begin / 32;
    last = (end - 1) / 32;
  }

  CARD uint32_t bits(int64_t of) const {
    const int64_t lower = of == word ? begin % 32 : 0, beyond = of == last ? 31 - (end - 1) % 32 : 0;
    return 0xffffffffu << lower & 0xffffffffu >> beyond;
  }
};

// One thread for each token.
CARD_KERNEL(spans_mark, SpansArgs) {
  const int64_t i = element_of_grid();
  if (i >= *args.voted) return;
  const Span span(args, i);
  for (int64_t word = span.word; word <= span.last; word++) atomic_or(args.marks + word, span.bits(word));
}

// One warp, token by token: what is new in a span must fit. A word is always read and written by the same lane.
CARD_KERNEL(spans_mark_in_turn, SpansArgs) {
  const int lane = thread_of_block();
  if (lane >= kWarp) return;
  int64_t size = 0;
  for (int64_t i = 0; i < *args.voted && size < args.budget; i++) {
    const Span span(args, i);
    const int64_t first = span.word + (lane - span.word % kWarp + kWarp) % kWarp;
    int missing = 0;
    for (int64_t word = first; word <= span.last; word += kWarp) {
      missing += bits_set(span.bits(word) & ~args.marks[word]);
    }
    missing = warp_sum(missing);
    if (size + missing > args.budget) continue;
    size += missing;
    for (int64_t word = first; word <= span.last; word += kWarp) args.marks[word] |= span.bits(word);
  }
}

// The marks, word by word.
struct Marked {
  const SpansArgs &args;

  CARD explicit Marked(const SpansArgs &of) : args(of) {}
  CARD int64_t count() const { return (args.candidates + 31) / 32; }
  CARD uint64_t share(int64_t i) const { return static_cast<uint64_t>(bits_set(args.marks[i])); }
};

CARD_KERNEL(spans_shares, SpansArgs) { count_shares<Marked>(args); }

// The run that has a candidate: the last one that does not begin behind it.
CARD kernels_run run_of(const SpansArgs &args, int64_t place) {
  int64_t low = 0;
  for (int64_t high = args.run_count; high - low > 1;) {
    const int64_t middle = (low + high) / 2;
    if (args.runs[middle].index > place) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return args.runs[low];
}

CARD_KERNEL(spans_rows, SpansArgs) {
  const Stretch<Marked> stretch{Marked(args)};
  uint64_t *sums = reinterpret_cast<uint64_t *>(shared_memory());
  int64_t at = static_cast<int64_t>(sum_before_of_grid(stretch.share, args.shares, sums));
  kernels_run run = {};
  for (int64_t word = stretch.begin; word < stretch.end; word++) {
    for (uint32_t bits = args.marks[word]; bits != 0; bits &= bits - 1) {
      const int64_t place = 32 * word + bits_set((bits & (0 - bits)) - 1);
      if (place >= run.index + run.count) run = run_of(args, place);
      args.rows[at++] = {run.key + (place - run.index) * args.row_bytes, args.from + place};
    }
  }
  if (element_of_grid() + 1 == blocks_x() * kThreads) *args.count = at;
}

}  // namespace longform::card
