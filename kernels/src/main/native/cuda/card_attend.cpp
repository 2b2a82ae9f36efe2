// Attention on a card: lists of rows, angles and turned queries are laid out for the kernels of attend.inl.
#include <algorithm>
#include <cmath>
#include <vector>

#include "card_device.h"
#include "card_near.h"
#include "sizes.h"

namespace longform::card {
namespace {

double query_position(const kernels_segment &segment, int64_t query_row) {
  switch (segment.query_kind) {
    case KERNELS_POSITION_CONSTANT: return segment.query_position;
    case KERNELS_POSITION_PACKED:
    case KERNELS_POSITION_SHIFTED: return static_cast<double>(query_row) + segment.query_position;
    case KERNELS_POSITION_LISTED: return segment.query_positions[query_row - segment.query_anchor];
    default: return static_cast<double>(query_row);
  }
}

bool is_whole(double position) { return position >= 0 && position == std::floor(position) && position < 1e15; }

// One past the largest position of keys, whose lists have up to so many rows, if they are all whole; else -1.
int64_t whole_keys(const kernels_segment &segment, int64_t longest) {
  int64_t first = INT64_MAX, last = -1;
  for (int64_t g = 0; g < segment.groups; g++) {
    const int64_t begin = segment.run_starts[g], end = segment.run_starts[g + 1];
    if (begin == end) continue;
    first = std::min(first, segment.runs[begin].row);
    last = std::max(last, segment.runs[end - 1].row + segment.runs[end - 1].count - 1);
  }
  switch (segment.key_kind) {
    case KERNELS_POSITION_CONTIGUOUS: return segment.key_first < 0 ? -1 : segment.key_first + longest;
    case KERNELS_POSITION_CONSTANT:
      return is_whole(segment.key_position) ? static_cast<int64_t>(segment.key_position) + 1 : -1;
    case KERNELS_POSITION_LISTED: return -1;
    case KERNELS_POSITION_STRIDED:
      if (segment.key_first < 0 || first < segment.key_anchor) return -1;
      return segment.chosen_count != nullptr ? -1
                                             : segment.key_first + (last - segment.key_anchor) / segment.key_stride + 1;
    default: return segment.chosen_count != nullptr ? -1 : last + 1;
  }
}

// Where each list of a segment begins and ends, behind `first` rows of the segments before it. Where the card chose
// some of the rows, with room for the most.
std::vector<int64_t> starts_of(const kernels_segment &segment, int64_t first) {
  std::vector<int64_t> starts = {first};
  for (int64_t g = 0; g < segment.groups; g++) {
    const int64_t begin = segment.run_starts[g], end = segment.run_starts[g + 1];
    int64_t length = begin == end ? 0 : segment.runs[end - 1].index + segment.runs[end - 1].count;
    if (segment.kept_runs != nullptr) length = std::min(length, segment.list_end);
    starts.push_back(starts.back() + length + (segment.chosen_count == nullptr ? 0 : segment.chosen_most));
  }
  return starts;
}

// One attention call on its way to the card.
struct Attend {
  const kernels_attention &call;
  Operation &operation;
  const int64_t head_dim;
  std::vector<std::vector<int64_t>> starts; // of each segment
  std::vector<CardSegment> segments;
  AttendArgs args = {};
  ListRow *rows = nullptr;
  const float *queries = nullptr;
  const double *frequencies = nullptr;
  // of each segment one past the largest position, if they are all whole; else -1
  struct Whole {
    int64_t keys = -1, queries = -1;
  };
  std::vector<Whole> whole;
  // angles of whole positions up to a number of them, if there are such
  const float *table = nullptr;
  int64_t table_positions = 0;

  const Units units;

  Attend(const kernels_attention &of, Operation &on, Units by)
      : call(of), operation(on), head_dim(of.layout->head_dim), units(by) {}

  bool turns() const { return call.encoding != KERNELS_ALIBI && call.pairs > 0; }

  void prepare() {
    int64_t first = 0;
    for (int64_t s = 0; s < call.segment_count; s++) {
      starts.push_back(starts_of(call.segments[s], first));
      first = starts.back().back();
    }
    rows = operation.scratch<ListRow>(first);
    queries = operation.in(call.queries, call.tokens * call.heads * head_dim);
    const int64_t numbers = call.encoding == KERNELS_ALIBI ? call.heads : call.pairs;
    frequencies = operation.in(call.frequencies, numbers);
    if (turns()) find_table();
    for (int64_t s = 0; s < call.segment_count; s++) segments.push_back(lay_out(s));
    fill();
  }

  // One past the largest position that queries of a segment turn by, if they are all whole; else -1.
  int64_t whole_queries(const kernels_segment &segment) const {
    double most = -1;
    for (int64_t row = std::max(segment.query_from, call.first_row);
         row < std::min(segment.query_to, call.first_row + call.tokens); row++) {
      const double at = query_position(segment, row);
      if (!is_whole(at)) return -1;
      most = std::max(most, at);
    }
    const bool moves = segment.chosen_count != nullptr && segment.query_kind == KERNELS_POSITION_PACKED;
    return static_cast<int64_t>(most) + 1 + (moves ? segment.chosen_most : 0);
  }

  int64_t whole_keys_of(int64_t s) const {
    const std::vector<int64_t> &of = starts[static_cast<size_t>(s)];
    int64_t longest = 0;
    for (size_t g = 0; g + 1 < of.size(); g++) longest = std::max(longest, of[g + 1] - of[g]);
    return whole_keys(call.segments[s], longest);
  }

  // One table for all segments: asking for another may move it.
  void find_table() {
    int64_t keys = 0, all = 0;
    whole.reserve(static_cast<size_t>(call.segment_count));
    for (int64_t s = 0; s < call.segment_count; s++) {
      // scaled by heads they are not whole
      const bool plain = call.segments[s].head_scales == nullptr;
      whole.push_back(plain ? Whole{whole_keys_of(s), whole_queries(call.segments[s])} : Whole{});
      keys = std::max(keys, whole.back().keys);
      all = std::max({all, whole.back().keys, whole.back().queries});
    }
    ask_for_table(all);
    // queries are few, and may be far from their keys
    if (table == nullptr && keys < all) ask_for_table(keys);
  }

  void ask_for_table(int64_t positions) {
    if (positions == 0) return;
    table = operation.angle_table().of(call.frequencies, call.pairs, call.attention_factor, positions);
    table_positions = positions;
  }

  // The table, if it has all of these.
  const float *table_of(int64_t positions) const {
    return positions >= 0 && positions <= table_positions ? table : nullptr;
  }

  CardSegment lay_out(int64_t s) {
    const kernels_segment &from = call.segments[s];
    CardSegment segment = {};
    segment.starts = operation.in(starts[static_cast<size_t>(s)].data(), from.groups + 1);
    segment.scales = operation.in(from.head_scales, call.heads);
    segment.groups = from.groups;
    segment.variants = from.head_scales == nullptr ? 1 : call.heads / from.groups;
    segment.first = starts[static_cast<size_t>(s)][0];
    segment.band = from.band;
    segment.width = from.width;
    segment.width_end = from.width_end;
    segment.mask_width = from.mask_width;
    if (from.band == KERNELS_BAND_TREE) segment.mask = operation.in(from.mask, from.mask_width * from.mask_width);
    segment.query_from = from.query_from;
    segment.query_to = from.query_to;
    segment.logit_scale = from.logit_scale;
    positions(from, segment);
    list(s, from, segment);
    if (turns()) {
      turn(segment, table_of(whole[static_cast<size_t>(s)].queries));
      segment.table = table_of(whole[static_cast<size_t>(s)].keys);
      if (segment.table == nullptr) angles(from, segment, starts[static_cast<size_t>(s)].back() - segment.first);
    } else {
      segment.queries = queries;
    }
    return segment;
  }

  // The rows of a segment's lists.
  void list(int64_t s, const kernels_segment &from, CardSegment &segment) {
    const int64_t count = from.run_starts[from.groups];
    RowsArgs to = {};
    to.rows = rows;
    to.end = INT64_MAX;
    to.row_bytes = call.layout->row_bytes;
    to.key_kind = from.key_kind;
    to.key_anchor = from.key_anchor;
    to.key_first = from.key_first;
    to.key_stride = from.key_stride;
    to.key_position = from.key_position;
    to.chosen_count = from.chosen_count;
    to.chosen_place = from.chosen_place;
    if (from.chosen_count != nullptr) chosen(from, to, segment);
    if (count == 0) return;
    std::vector<kernels_run> moved;
    const kernels_run *runs = from.runs;
    if (from.resident == 0) {
      moved = runs_on_card(operation, *call.layout, from.runs, count);
      runs = moved.data();
    }
    if (from.kept_runs != nullptr) {
      to.runs = from.kept_runs;
      to.end = from.list_end;
    } else {
      to.runs = operation.in(runs, count);
    }
    std::vector<int64_t> lists;
    if (from.groups == 1) {
      to.rows = rows + starts[static_cast<size_t>(s)].front();
    } else {
      for (int64_t g = 0; g < from.groups; g++) {
        lists.insert(lists.end(), static_cast<size_t>(from.run_starts[g + 1] - from.run_starts[g]),
                     starts[static_cast<size_t>(s)][static_cast<size_t>(g)]);
      }
      to.list_starts = operation.in(lists.data(), count);
    }
    if (from.key_kind == KERNELS_POSITION_LISTED) {
      int64_t last = 0;
      for (int64_t i = 0; i < count; i++) {
        last = std::max(last, runs[i].row + std::min(runs[i].count, to.end - runs[i].index));
      }
      to.key_positions = operation.in(from.key_positions, last - from.key_anchor);
    }
    Grid grid;
    grid.x = count;
    operation.launch(Kernel::card_rows, grid, to);
  }

  // The rows that the card chose, and what depends on their number.
  void chosen(const kernels_segment &from, RowsArgs list, CardSegment &segment) {
    const int64_t end = from.run_starts[1];
    list.rows = rows + segment.first;
    ChosenRowsArgs to = {};
    to.list = list;
    to.rows = from.chosen_rows;
    to.positions = segment.positions;
    to.moved = operation.scratch<double>(call.tokens);
    to.starts = operation.scratch<int64_t>(2);
    to.first = segment.first;
    to.known = end == 0 ? 0 : from.runs[end - 1].index + from.runs[end - 1].count;
    to.tokens = call.tokens;
    Grid grid;
    grid.x = blocks_of(std::max(from.chosen_most, call.tokens), kThreads);
    operation.launch(Kernel::card_chosen_rows, grid, to);
    segment.starts = to.starts;
    if (from.query_kind == KERNELS_POSITION_PACKED) segment.positions = to.moved;
  }

  void positions(const kernels_segment &from, CardSegment &segment) {
    std::vector<double> at(static_cast<size_t>(call.tokens), 0);
    for (int64_t t = 0; t < call.tokens; t++) {
      const int64_t row = call.first_row + t;
      if (row >= from.query_from && row < from.query_to) at[static_cast<size_t>(t)] = query_position(from, row);
    }
    segment.positions = operation.in(at.data(), call.tokens);
  }

  // Queries of a segment; `whole_table` if all their positions are there.
  void turn(CardSegment &segment, const float *whole_table) {
    TurnArgs to = {};
    to.queries = queries;
    to.turned = operation.scratch<float>(call.tokens * call.heads * head_dim);
    to.positions = segment.positions;
    to.scales = segment.scales;
    to.frequencies = frequencies;
    to.table = whole_table;
    to.heads = call.heads;
    to.head_dim = head_dim;
    to.pairs = call.pairs;
    to.interleaved = call.encoding == KERNELS_ROPE_INTERLEAVED;
    to.factor = call.attention_factor;
    Grid grid;
    grid.x = call.tokens;
    operation.launch(Kernel::card_turn, grid, to);
    segment.queries = to.turned;
  }

  // Of the keys of a segment.
  void angles(const kernels_segment &from, CardSegment &segment, int64_t count) {
    AnglesArgs angles = {};
    angles.rows = rows + segment.first;
    angles.starts = segment.starts;
    angles.scales = segment.scales;
    angles.frequencies = frequencies;
    angles.angles = operation.scratch<float>(count * segment.variants * call.pairs * 2);
    angles.first = segment.first;
    angles.count = count;
    angles.groups = from.groups;
    angles.variants = segment.variants;
    angles.pairs = call.pairs;
    angles.factor = call.attention_factor;
    Grid grid;
    grid.x = blocks_of(count * segment.variants * call.pairs, kThreads);
    operation.launch(Kernel::card_angles, grid, angles);
    segment.angles = angles.angles;
  }

  void fill() {
    args.segments = operation.in(segments.data(), call.segment_count);
    args.rows = rows;
    args.slopes = call.encoding == KERNELS_ALIBI ? frequencies : nullptr;
    args.segment_count = call.segment_count;
    args.tokens = call.tokens;
    args.heads = call.heads;
    args.first_row = call.first_row;
    args.pairs = turns() ? call.pairs : 0;
    args.interleaved = call.encoding == KERNELS_ROPE_INTERLEAVED;
    args.scale = call.scale;
    args.soft_cap = call.soft_cap;
    args.layout = *call.layout;
    // heads share a tile of keys unless each has rows or angles of its own
    args.units = call.layout->kv_heads;
    int64_t most = 0;
    for (const CardSegment &segment : segments) {
      if (segment.groups == call.heads || segment.variants > 1) args.units = call.heads;
    }
    for (int64_t u = 0; u < args.units; u++) {
      int64_t tiles = 0;
      for (size_t s = 0; s < segments.size(); s++) {
        const size_t group = static_cast<size_t>(u * segments[s].groups / args.units);
        tiles += blocks_of(starts[s][group + 1] - starts[s][group], kTileKeys);
      }
      most = std::max(most, tiles);
    }
    // enough blocks for all multiprocessors (of few queries as many as run at once), but of several tiles each
    const int64_t blocks = query_tiles() * args.units, processors = operation.card().processors();
    const int64_t wanted = by_few() ? few_attend_blocks(few_rows(), few_size()) * processors / blocks
                                    : blocks_of(4 * processors, blocks);
    args.splits = std::max<int64_t>(1, std::min(wanted, most / 4));
  }

  // Of a list of keys.
  int64_t query_rows() const { return call.tokens * (call.heads / args.units); }
  int64_t query_tiles() const { return blocks_of(query_rows(), by_cores() ? kCoreQueries : kTileQueries); }

  // How often keys are read, at most.
  int64_t reads() const {
    int64_t most = call.mass == nullptr ? 1 : 2;
    for (const CardSegment &segment : segments) {
      most = std::max(most, query_tiles() * args.units / std::max(segment.groups, call.layout->kv_heads));
    }
    return most;
  }

  // From here on keys and values are read from copies, if there is room for them.
  void bring_near() {
    const NearRows near(operation, *call.layout, true);
    std::vector<int64_t> ends = {0};
    for (size_t s = 0; s < segments.size(); s++) {
      const int64_t count = starts[s].back() - starts[s].front();
      ends.push_back(ends.back() + count * near.row_bytes(segments[s].groups));
    }
    char *room = operation.near_room().of(ends.back());
    if (room == nullptr) return;
    for (size_t s = 0; s < segments.size(); s++) {
      near.copy(segments[s], rows, starts[s].back() - starts[s].front(), room + ends[s]);
    }
    args.layout = near.layout();
  }

  // Whether there are queries for most of a tile, and keys and values that float16 numbers stand for.
  bool by_cores() const {
    return units != Units::kOrdinary && call.layout->dtype != KERNELS_KV_F32 && head_dim <= kMostCoreDims &&
           query_rows() >= kLeastCoreQueries;
  }

  // Whether there are so few queries that each warp takes keys of its own.
  bool by_few() const { return units != Units::kOrdinary && query_rows() <= kMostFewAttendRows; }

  // Of the kernel that does it then.
  int64_t few_rows() const { return query_rows() <= 4 ? 4 : 8; }
  int64_t few_size() const { return head_dim <= 64 ? 64 : head_dim <= 128 ? 128 : 256; }

  void launch_few(Grid grid) {
    grid.shared_bytes = bytes_of_few_attend(few_rows(), few_size());
    const Kernel first = few_rows() == 4 ? Kernel::attend_few_4_64 : Kernel::attend_few_8_64;
    const int64_t size = few_size() == 64 ? 0 : few_size() == 128 ? 1 : 2;
    operation.launch(static_cast<Kernel>(static_cast<int64_t>(first) + size), grid, args);
  }

  void run() {
    if (NearRows::wanted(operation, reads())) bring_near();
    const int64_t answers = call.tokens * call.heads;
    float *partial = operation.scratch<float>(args.splits * answers * head_dim);
    args.partial = partial;
    args.largest = operation.scratch<float>(args.splits * answers);
    args.sums = operation.scratch<float>(args.splits * answers);
    Grid grid;
    grid.x = query_tiles();
    grid.y = args.units;
    grid.z = args.splits;
    if (by_cores()) {
      grid.shared_bytes = bytes_of_core_tiles(head_dim <= 64 ? 64 : 128);
      operation.launch(head_dim <= 64 ? Kernel::attend_cores_64 : Kernel::attend_cores_128, grid, args);
    } else if (by_few()) {
      launch_few(grid);
    } else {
      grid.shared_bytes = tile_bytes(head_dim);
      operation.launch(kernel_of_heads(Kernel::attend_32, head_dim), grid, args);
    }

    MergeArgs merge = {};
    merge.partial = args.partial;
    merge.largest = args.largest;
    merge.sums = args.sums;
    merge.out = operation.out(call.out, answers * head_dim);
    merge.log_sum_exp = operation.out(call.log_sum_exp, answers);
    merge.stats = call.mass == nullptr ? nullptr : operation.scratch<float>(2 * answers);
    merge.splits = args.splits;
    merge.rows = answers;
    merge.head_dim = head_dim;
    Grid rows_grid;
    rows_grid.x = answers;
    operation.launch(Kernel::attend_merge, rows_grid, merge);
    if (call.mass != nullptr) mass(merge.stats);
    operation.finish(call.out, merge.out, answers * head_dim);
    if (call.log_sum_exp != nullptr) operation.finish(call.log_sum_exp, merge.log_sum_exp, answers);
  }

  void mass(const float *stats) {
    int64_t columns = 0;
    for (size_t s = 0; s < segments.size(); s++) {
      const int64_t sharers = call.mass_of_heads != 0 ? call.heads / segments[s].groups : 1;
      columns += (starts[s].back() - starts[s].front()) * sharers;
    }
    float *out = operation.out(call.mass, columns), *at = out;
    for (size_t s = 0; s < segments.size(); s++) {
      for (int64_t g = 0; g < segments[s].groups; g++) {
        const int64_t length = starts[s][static_cast<size_t>(g) + 1] - starts[s][static_cast<size_t>(g)];
        MassArgs to = {};
        to.attend = args;
        to.stats = stats;
        to.mass = at;
        to.segment = static_cast<int64_t>(s);
        to.group = g;
        to.of_heads = call.mass_of_heads;
        Grid grid;
        grid.x = blocks_of(length, kTileKeys);
        grid.shared_bytes = tile_bytes(head_dim);
        operation.launch(kernel_of_heads(Kernel::mass_32, head_dim), grid, to);
        at += length * (call.mass_of_heads != 0 ? call.heads / segments[s].groups : 1);
      }
    }
    operation.finish(call.mass, out, columns);
  }
};

}  // namespace

void CardDevice::attend(const kernels_attention &call) {
  if (call.tokens == 0) return;
  tile_bytes(call.layout->head_dim);
  for (int64_t s = 0; s < call.segment_count; s++) {
    if (call.segments[s].band > KERNELS_BAND_BETWEEN) throw NotHere("a band of this kind");
  }
  Operation operation(*this);
  Attend attend(call, operation, units_);
  attend.prepare();
  attend.run();
}

}  // namespace longform::card
