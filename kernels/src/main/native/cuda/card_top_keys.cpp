// The best keys on a card: see top_keys.inl, top_keys_cores.inl and sketched_keys.inl.
#include <algorithm>
#include <numeric>
#include <vector>

#include "card_device.h"
#include "card_near.h"
#include "card_sketches.h"
#include "sizes.h"

namespace longform::card {
namespace {

// Lists of the best of shares of the keys that are scored in pieces; more only if there are more pieces.
constexpr int64_t kPieceLists = 64;
// Blocks of ordinary units that a multiprocessor has at once; a guess.
constexpr int64_t kOrdinaryBlocks = 4;

// What serves a request.
enum class Way { kTensorCores, kRegisters, kSorting };

struct TopKeys {
  const kernels_top_keys_request &request;
  Operation &operation;
  const Units units;
  const int64_t count;
  const int64_t answers; // H * Q
  int64_t *const rows;
  float *const scores;
  TopKeysArgs args = {};

  TopKeys(const kernels_top_keys_request &of, Operation &on, Units by, int64_t *to_rows, float *to_scores)
      : request(of), operation(on), units(by), count(of.to - of.from), answers(of.heads * of.query_count),
        rows(to_rows), scores(to_scores) {}

  Way way() const {
    if (request.k > kSlots || request.block_rows != 1) return Way::kSorting;
    const kernels_kv_layout &layout = *request.layout;
    const bool fits = layout.dtype != KERNELS_KV_F32 && layout.head_dim <= kMostCoreDims;
    return fits && units != Units::kOrdinary ? Way::kTensorCores : Way::kRegisters;
  }

  // Of queries times the heads that share keys.
  int64_t query_rows() const { return request.query_count * (request.heads / request.layout->kv_heads); }
  int64_t query_tiles() const { return blocks_of(query_rows(), kTileQueries); }

  void prepare() {
    args.queries = operation.in(request.queries, answers * request.layout->head_dim);
    args.query_count = request.query_count;
    args.heads = request.heads;
    args.count = count;
    args.modulo = request.pairing == KERNELS_PAIRING_MODULO;
    args.layout = *request.layout;
  }

  void list_rows() {
    ListRow *list = operation.scratch<ListRow>(count);
    RowsArgs to = {};
    if (request.resident != 0) {
      to.runs = request.runs;
    } else {
      const std::vector<kernels_run> moved =
          runs_on_card(operation, *request.layout, request.runs, request.run_count);
      to.runs = operation.in(moved.data(), request.run_count);
    }
    to.rows = list;
    to.end = count;
    to.row_bytes = request.layout->row_bytes;
    to.key_kind = KERNELS_POSITION_TRUE;
    Grid grid;
    grid.x = request.run_count;
    operation.launch(Kernel::card_rows, grid, to);
    args.rows = list;
    if (request.key_norm != KERNELS_NORM_NONE) {
      NormArgs norm = {list, operation.scratch<float>(request.layout->kv_heads * count), count,
                       request.key_norm == KERNELS_NORM_VALUE_L2, *request.layout};
      grid.x = blocks_of(count, kThreads);
      grid.y = request.layout->kv_heads;
      operation.launch(Kernel::value_norms, grid, norm);
      args.norms = norm.norms;
    }
  }

  // Shares of so many keys, each read by so many blocks, of which a multiprocessor has some at once: the fewest that leave
  // little of the card idle in the last round.
  int64_t splits(int64_t keys, int64_t keys_of_tile, int64_t blocks, int64_t beside) {
    constexpr int64_t kRounds = 4;
    const int64_t at_once = beside * operation.card().processors();
    int64_t best = 1;
    double most_used = 0;
    for (int64_t round = 1; round <= kRounds; round++) {
      const int64_t shares = std::max<int64_t>(1, round * at_once / blocks), all = shares * blocks;
      const double used = static_cast<double>(all) / static_cast<double>(blocks_of(all, at_once) * at_once);
      if (used <= most_used + 0.05) continue;
      most_used = used;
      best = shares;
    }
    return std::max<int64_t>(1, std::min(best, blocks_of(keys, keys_of_tile) / 4));
  }

  // What scores up to kSlots answers, of all rows or of listed half pages, by blocks of some rows of queries.
  struct Scoring {
    Kernel kernel;
    Grid grid;
    int64_t keys_of_tile;
    int64_t beside; // blocks of a multiprocessor at once
  };

  int64_t splits_of(const Scoring &scoring, int64_t keys) {
    return splits(keys, scoring.keys_of_tile, scoring.grid.x * request.layout->kv_heads, scoring.beside);
  }

  Scoring by_cores(bool halves) const {
    const int64_t q8 = request.layout->dtype == KERNELS_KV_Q8, large = request.layout->head_dim > 64;
    const bool few = query_rows() <= kFewCoreRows;
    const Kernel first = halves ? Kernel::top_keys_cores_halves_f16_64
                         : few  ? Kernel::top_keys_cores_few_f16_64
                                : Kernel::top_keys_cores_many_f16_64;
    Scoring scoring = {static_cast<Kernel>(static_cast<int64_t>(first) + 2 * q8 + large), {}, kCoreKeys, 0};
    scoring.grid.x = blocks_of(query_rows(), few ? kFewCoreRows : kManyCoreRows);
    if (large != 0) {
      take_room<128>(scoring, few);
    } else {
      take_room<64>(scoring, few);
    }
    return scoring;
  }

  template <int SIZE>
  static void take_room(Scoring &scoring, bool few) {
    constexpr int kFew = kFewCoreTiles, kMany = kManyCoreTiles;
    scoring.grid.shared_bytes = few ? kCoreSearchBytes<SIZE, kFew> : kCoreSearchBytes<SIZE, kMany>;
    scoring.beside = few ? kCoreBlocks<SIZE, kFew> : kCoreBlocks<SIZE, kMany>;
  }

  Scoring in_registers(bool halves) const {
    const Kernel first = halves ? Kernel::top_keys_halves_32 : Kernel::top_keys_32;
    Scoring scoring = {kernel_of_heads(first, request.layout->head_dim), {}, kTileKeys, kOrdinaryBlocks};
    scoring.grid.x = query_tiles();
    scoring.grid.shared_bytes = tile_bytes(request.layout->head_dim);
    return scoring;
  }

  Scoring scoring(bool halves) const { return way() == Way::kTensorCores ? by_cores(halves) : in_registers(halves); }

  // Up to kSlots answers, of shares of the keys and then of all of them.
  void best_of_shares() {
    list_rows();
    const Scoring all = scoring(false);
    NearPieces pieces(operation, *request.layout, args.rows, count, all.grid.x);
    int64_t shares = splits_of(all, pieces.rows());
    if (pieces.count() > 1) shares = std::clamp<int64_t>(kPieceLists / pieces.count(), 1, shares);
    args.lists = pieces.count() * shares;
    args.best = operation.scratch<uint64_t>(answers * args.lists * kSlots);
    for (int64_t piece = 0; piece < pieces.count(); piece++) {
      pieces.turn_to(piece, args);
      score(all, piece * shares, shares);
    }
    merge();
  }

  // The same without the keys that sketches spare.
  const uint32_t *best_of_sketched() {
    SketchedKeys sketched(request, operation, args.queries);
    const Scoring halves = scoring(true);
    const int64_t shares = splits_of(halves, count);
    args.lists = kPeakShares + shares;
    args.best = operation.scratch<uint64_t>(answers * args.lists * kSlots);
    args.halves = sketched.peaks();
    score(halves, 0, kPeakShares);
    args.halves = sketched.open(args.best, args.lists);
    score(halves, kPeakShares, shares);
    merge();
    return sketched.keys();
  }

  void score(const Scoring &scoring, int64_t first_list, int64_t shares) {
    Grid grid = scoring.grid;
    grid.y = request.layout->kv_heads;
    args.first_list = first_list;
    args.splits = grid.z = shares;
    operation.launch(scoring.kernel, grid, args);
  }

  void merge() {
    BestArgs lists = {args.best, rows, scores, args.lists, request.k, request.from, answers};
    Grid all;
    all.x = blocks_of(answers, kThreads);
    operation.launch(Kernel::top_keys_merge, all, lists);
  }

  // Any number of answers, of any blocks of rows: all scores, some tiles of queries of some heads at once, and sorted.
  void by_sorting() {
    list_rows();
    const int64_t kv_heads = request.layout->kv_heads;
    int64_t columns = 1;
    while (columns < count) columns *= 2;
    const int64_t tiles = query_tiles();
    // half of what is left to operations on a full card, but one head's queries of one tile in any case
    const int64_t bytes = columns * kTileQueries * static_cast<int64_t>(sizeof(uint64_t));
    const int64_t room = operation.card().spared_bytes() / 2 / bytes;
    const int64_t heads_at_once = std::max<int64_t>(1, std::min(kv_heads, room));
    const int64_t at_once = std::max<int64_t>(1, std::min(tiles, room / kv_heads));
    args.columns = columns;
    args.best = operation.scratch<uint64_t>(heads_at_once * at_once * kTileQueries * columns);
    NearPieces pieces(operation, *request.layout, args.rows, count, at_once);
    for (int64_t first = 0; first < tiles; first += at_once) {
      for (int64_t g = 0; g < kv_heads; g += heads_at_once) {
        sort_scores(pieces, first, std::min(at_once, tiles - first), g, std::min(heads_at_once, kv_heads - g));
      }
    }
  }

  // Of some tiles of queries and some key heads.
  void sort_scores(const NearPieces &pieces, int64_t first, int64_t tiles, int64_t first_head, int64_t heads) {
    const int64_t kv_heads = request.layout->kv_heads, sharers = request.heads / kv_heads;
    std::vector<int64_t> names;
    for (int64_t g = first_head; g < first_head + heads; g++) {
      for (int64_t m = first * kTileQueries; m < (first + tiles) * kTileQueries; m++) {
        const int64_t query = m / sharers, sharer = m % sharers;
        const int64_t head = args.modulo != 0 ? g + sharer * kv_heads : g * sharers + sharer;
        names.push_back(query < request.query_count ? head * request.query_count + query : -1);
      }
    }
    Grid grid;
    grid.x = tiles;
    grid.y = heads;
    args.splits = grid.z = splits(pieces.rows(), kTileKeys, grid.x * grid.y, kOrdinaryBlocks);
    grid.shared_bytes = tile_bytes(request.layout->head_dim);
    args.first_tile = first;
    args.first_unit = first_head;
    for (int64_t piece = 0; piece < pieces.count(); piece++) {
      pieces.turn_to(piece, args);
      operation.launch(kernel_of_heads(Kernel::whole_scores_32, request.layout->head_dim), grid, args);
    }
    SortArgs sort = {};
    sort.words = args.best;
    sort.rows = rows;
    sort.scores = scores;
    sort.count = count;
    sort.columns = args.columns;
    sort.block_rows = request.block_rows;
    sort.k = request.k;
    sort.from = request.from;
    sort.answers = operation.in(names.data(), static_cast<int64_t>(names.size()));
    Grid all;
    all.x = tiles * kTileQueries * heads;
    operation.launch(Kernel::top_keys_sort, all, sort);
  }
};

}  // namespace

const uint32_t *best_keys(const kernels_top_keys_request &request, Operation &operation, Units units, int64_t *rows,
                          float *scores) {
  if (request.heads % request.layout->kv_heads != 0) throw NotHere("heads that do not share keys evenly");
  if (request.to - request.from >= int64_t{1} << 32) throw NotHere("more than four thousand million candidates");
  tile_bytes(request.layout->head_dim);
  TopKeys find(request, operation, units, rows, scores);
  find.prepare();
  if (SketchedKeys::serve(request)) return find.best_of_sketched();
  if (find.way() == Way::kSorting) {
    find.by_sorting();
  } else {
    find.best_of_shares();
  }
  return nullptr;
}

void CardDevice::top_keys(const kernels_top_keys_request &request) {
  const int64_t answers = request.heads * request.query_count, kv_heads = request.layout->kv_heads;
  Operation operation(*this);
  int64_t *rows = operation.out(request.rows, answers * request.k);
  float *scores = operation.out(request.scores, answers * request.k);
  const uint32_t *keys = best_keys(request, operation, units_, rows, scores);
  operation.finish(request.rows, rows, answers * request.k);
  operation.finish(request.scores, scores, answers * request.k);
  *request.rescored = answers * (request.to - request.from);
  if (keys == nullptr) return;
  std::vector<uint32_t> scored(static_cast<size_t>(kv_heads));
  operation.finish(scored.data(), keys, kv_heads);
  *request.rescored = std::accumulate(scored.begin(), scored.end(), int64_t{0}) * (answers / kv_heads);
}

}  // namespace longform::card
