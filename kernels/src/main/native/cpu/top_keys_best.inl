// The best candidates seen so far: a heap with the worst on top.

namespace longform {
namespace LONGFORM_ISA {

// A candidate and its score; what is not a number is never one, so that -inf means nothing is there.
struct Best {
  float score;
  int64_t row;
};

constexpr Best kNothing = {-INFINITY, INT64_MAX};

inline bool worse(const Best &a, const Best &b) {
  return a.score < b.score || (a.score == b.score && a.row > b.row);
}

inline void sink(Best *heap, int64_t size, int64_t at, const Best entry) {
  for (int64_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && worse(heap[child + 1], heap[child])) child++;
    if (!worse(heap[child], entry)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = entry;
}

// Of every `block_rows` candidates from `from` on, only the best may be there.
struct Blocks {
  int64_t from;
  int64_t block_rows;
};

// `entry` is better than the worst one
inline void offer(Best *heap, int64_t k, const Blocks &blocks, const Best entry) {
  if (blocks.block_rows > 1) {
    const int64_t block = (entry.row - blocks.from) / blocks.block_rows;
    for (int64_t i = 0; i < k; i++) {
      if (heap[i].row != INT64_MAX && (heap[i].row - blocks.from) / blocks.block_rows == block) {
        if (worse(heap[i], entry)) sink(heap, k, i, entry);
        return;
      }
    }
  }
  sink(heap, k, 0, entry);
}

// best first
inline void sort(Best *heap, int64_t k) {
  for (int64_t last = k - 1; last > 0; last--) {
    const Best worst = heap[0];
    sink(heap, last, 0, heap[last]);
    heap[last] = worst;
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
