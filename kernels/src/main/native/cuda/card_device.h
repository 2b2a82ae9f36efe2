// The operations of kernels.h on a card. Every address is the host's or, if card memory was allocated there,
// the card's; what is on the host is copied for the operation. One operation at a time is laid out; the card does
// them in this order, and is waited for only where the host is to have an answer.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "angle_table.h"
#include "block_pool.h"
#include "card.h"
#include "lists.h"
#include "near_room.h"

namespace longform::card {

// What products and attention of many tokens, and the search for the best keys, are done with. Each leaves to the next
// what it does not do: the card's library knows products only. Ordinary units are what the others are compared with.
enum class Units { kLibrary, kTensorCores, kOrdinary };

class CardDevice {
 public:
  explicit CardDevice(std::unique_ptr<Card> card, Units units = Units::kLibrary,
                      int64_t near_bytes = NearRoom::kUsualBytes, std::optional<int64_t> angle_bytes = {})
      : card_(std::move(card)), units_(units), blocks_(*card_),
        pinned_(*card_, Lies::kPinned), near_(*card_, near_bytes),
        angles_(*card_, angle_bytes.value_or(AngleTable::usual_bytes(*card_))) {}
  ~CardDevice();

  // From now on tensor cores do what the library did. Before the device serves anybody.
  void leave_library();

  void *allocate(int64_t bytes);
  // Zeroed in the order of the calls.
  void *take(int64_t bytes);
  // Of the host, as the card's own but not zeroed.
  void *take_pinned(int64_t bytes);
  void release(void *memory);
  // Returns when all that was asked for before is done.
  void finish();
  // From the host to the card or back. What the host gave may change when this returns, what it gets is there then.
  void copy(void *to, const void *from, int64_t bytes);
  // See kernels_copy. Throws NotHere if anything lies on the host.
  void copy_within(const kernels_piece *pieces, int64_t count);
  bool holds(const void *address);
  // What may be taken, what is kept for later among it.
  void free_bytes(int64_t *free, int64_t *all);

  void gather(const void *table, int32_t dtype, int64_t inner, const int32_t *ids, int64_t tokens, float *out);
  void add(float *x, const float *y, int64_t elements, int64_t width);
  void rms_norm(const float *x, const float *gain, double epsilon, int64_t tokens, int64_t inner, float *out);
  void center(const float *x, int64_t tokens, int64_t inner, float *out);
  void swi_glu(float *gate, const float *up, int64_t elements);
  void multiply(float *x, const float *y, int64_t elements);
  void map(int32_t function, float parameter, float *x, int64_t elements);
  // Into pages on the card.
  void store(const kernels_kv_layout &layout, const float *keys, const float *values, const kernels_place *places,
             int64_t count);
  void matmul(const float *x, int64_t tokens, int64_t inner, const kernels_product *products, int64_t count);
  // May throw NotHere, before anything is written.
  void attend(const kernels_attention &call);
  // Of pages on the card, to the card. Throws NotHere if anything lies on the host.
  void sketch(const kernels_kv_layout &layout, const kernels_sketch_page *pages, int64_t count);
  void top_keys(const kernels_top_keys_request &request);
  // May throw NotHere, before anything is written.
  void votes(const kernels_votes_request &request);
  // May throw NotHere, before anything is written.
  void key_scores(const kernels_key_scores_request &request);
  void spans(const kernels_spans_request &request);

 private:
  friend class Operation;

  struct Held {
    int64_t bytes;
    BlockPool *pool; // or NULL
  };

  // These are called while busy_ is held. Brings what is laid out to an end.
  void wait();
  // Takes memory of a pool, if it is of one; from a card that is full once more, without what the device keeps for later.
  template <typename Take>
  void *taken(int64_t bytes, BlockPool *pool, Take take);

  std::unique_ptr<Card> card_;
  Units units_;
  BlockPool blocks_;
  BlockPool pinned_;
  NearRoom near_;
  AngleTable angles_;
  std::mutex busy_;
  std::atomic<bool> pending_{false}; // whether something may not be done yet
  std::mutex map_;
  std::map<uintptr_t, Held> held_; // the card's own and pinned memory, by where it begins
};

// One operation: holds the card, and gives its scratch back.
class Operation {
 public:
  explicit Operation(CardDevice &device) : device_(device), lock_(device.busy_), lists_(*device.card_) {}
  ~Operation() { device_.card_->end(); }

  Card &card() { return *device_.card_; }

  template <typename T>
  T *scratch(int64_t count) {
    const int64_t bytes = count > 0 ? count * static_cast<int64_t>(sizeof(T)) : 1;
    try {
      return static_cast<T *>(card().scratch(bytes));
    } catch (const CardFull &) {
      if (device_.blocks_.trim(0) == 0) throw;
      return static_cast<T *>(card().scratch(bytes));
    }
  }

  template <typename T>
  T *zeros(int64_t count) {
    T *memory = scratch<T>(count);
    card().zero(memory, count * static_cast<int64_t>(sizeof(T)));
    return memory;
  }

  // Where the card reads what lies at `from`.
  template <typename T>
  const T *in(const T *from, int64_t count) {
    if (from == nullptr || device_.holds(from)) return from;
    const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
    if (bytes <= Lists::kMostBytes) {
      if (!lists_.has_room(bytes)) lists_.begin(scratch<char>(Lists::kBytes));
      return static_cast<const T *>(lists_.add(from, bytes));
    }
    T *copy = scratch<T>(count);
    card().upload(copy, from, bytes);
    return copy;
  }

  // Where the card writes what is to be at `to`; finish() brings it there.
  template <typename T>
  T *out(T *to, int64_t count) {
    return to == nullptr || device_.holds(to) ? to : scratch<T>(count);
  }

  template <typename T>
  void finish(T *to, const T *written, int64_t count) {
    // what stays on the card is waited for by who reads it
    if (to == written || count == 0) return;
    card().download(to, written, count * static_cast<int64_t>(sizeof(T)));
    device_.pending_ = false;
  }

  template <typename Args>
  void launch(Kernel kernel, const Grid &grid, const Args &args) {
    if (grid.x <= 0 || grid.y <= 0 || grid.z <= 0) return;
    lists_.send();
    device_.pending_ = true;
    card().launch(kernel, grid, &args);
  }

  // Beside what is launched, after what was asked for so far; see wait_for_ahead().
  template <typename Args>
  void launch_ahead(Kernel kernel, const Grid &grid, const Args &args) {
    lists_.send();
    device_.pending_ = true;
    card().let_ahead_wait();
    card().launch_ahead(kernel, grid, &args);
  }

  // What is launched from here on finds what was launched ahead done.
  void wait_for_ahead() { card().wait_for_ahead(); }

  // By a library; false if there is none that does it.
  bool multiply(const Gemm &gemm) {
    lists_.send();
    device_.pending_ = true;
    return card().multiply(gemm);
  }

  // One piece, of which no part is written and read.
  void copy(void *to, const void *from, int64_t bytes) {
    device_.pending_ = true;
    card().copy(to, from, bytes);
  }

  bool holds(const void *address) { return device_.holds(address); }
  // Whether what an operation reads may lie in pinned memory.
  bool uses_pinned() const { return device_.pinned_.in_use(); }
  NearRoom &near_room() { return device_.near_; }
  AngleTable &angle_table() { return device_.angles_; }

 private:
  CardDevice &device_;
  std::lock_guard<std::mutex> lock_;
  Lists lists_;
};

// Runs of a cache with the card's addresses: rows on the host are copied, each page once.
std::vector<kernels_run> runs_on_card(Operation &operation, const kernels_kv_layout &layout, const kernels_run *runs,
                                      int64_t count);

// Finds the best keys of a request; `rows` and `scores` (H, Q, k) are the card's. Answers where the card has for each key
// head how many keys are scored, by each of the head's rows of queries; NULL if they are all. May throw NotHere.
const uint32_t *best_keys(const kernels_top_keys_request &request, Operation &operation, Units units, int64_t *rows,
                          float *scores);

// Chooses the tokens that are voted for: `chosen` of `words`, in any order until they are sorted. With a limit of 0
// none, and nothing is asked for. May throw NotHere.
VotesArgs votes_by_best_keys(const kernels_votes_request &request, Operation &operation, Units units);
void sort_votes(Operation &operation, const VotesArgs &args);

// Blocks whose sums each of them adds up.
constexpr int64_t kMostShares = 512;

// One of five kernels that follow each other, for heads of up to 32, 64, 96, 128 and 256 dimensions, and the shared
// memory it needs. Throws NotHere for larger heads.
Kernel kernel_of_heads(Kernel first, int64_t head_dim);
int64_t tile_bytes(int64_t head_dim);

inline int64_t blocks_of(int64_t elements, int64_t of_block) { return (elements + of_block - 1) / of_block; }

}  // namespace longform::card
