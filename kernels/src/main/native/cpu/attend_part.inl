// What of a plan meets: some query heads of one key/value head, some tokens of the block, and one list
// of rows of one segment.

namespace longform {
namespace LONGFORM_ISA {

struct Part {
  const kernels_attention *call;
  const kernels_segment *segment;
  int64_t group;  // of the segment's lists
  const kernels_run *runs;
  int64_t run_count;
  int64_t kv_head;
  int64_t head;  // first query head
  int64_t heads;
  int64_t from;  // first token of the block
  int64_t to;    // one past the last
  double position_scale;

  int64_t rows() const { return (to - from) * heads; }
  int64_t query_row(int64_t token) const { return call->first_row + token; }
};

// Document rows from low to high (exclusive), beyond which a query sees nothing.
struct Sight {
  int64_t low;
  int64_t high;
};

inline Sight sight(const kernels_segment &segment, int64_t query_row) {
  switch (segment.band) {
    case KERNELS_BAND_NEAR: return {query_row - segment.width + 1, query_row + 1};
    case KERNELS_BAND_FAR: return {INT64_MIN, query_row - segment.width + 1};
    case KERNELS_BAND_TREE: return {INT64_MIN, INT64_MAX};
    case KERNELS_BAND_BETWEEN: return {query_row - segment.width_end + 1, query_row - segment.width + 1};
    default: return {INT64_MIN, query_row + 1};
  }
}

// Whether a tree hides a row that is in sight.
inline bool hidden(const kernels_segment &segment, int64_t query_row, int64_t key_row) {
  return segment.band == KERNELS_BAND_TREE && key_row >= segment.width &&
         segment.mask[(query_row - segment.width) * segment.mask_width + key_row - segment.width] == 0;
}

inline double query_position(const kernels_segment &segment, int64_t query_row) {
  switch (segment.query_kind) {
    case KERNELS_POSITION_CONSTANT: return segment.query_position;
    case KERNELS_POSITION_SHIFTED: return static_cast<double>(query_row) + segment.query_position;
    case KERNELS_POSITION_LISTED: return segment.query_positions[query_row - segment.query_anchor];
    default: return static_cast<double>(query_row);
  }
}

inline int64_t list_length(const kernels_segment &segment, int64_t group) {
  const int64_t begin = segment.run_starts[group], end = segment.run_starts[group + 1];
  return begin == end ? 0 : segment.runs[end - 1].index + segment.runs[end - 1].count;
}

// Place in the list of the first row that is not before `row`.
inline int64_t place_of_row(const Part &part, int64_t row) {
  int64_t low = 0, high = part.run_count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (part.runs[middle].row + part.runs[middle].count <= row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == part.run_count) return list_length(*part.segment, part.group);
  const kernels_run &run = part.runs[low];
  return run.index + (row > run.row ? row - run.row : 0);
}

// The run that has a place of the list, which must be before its end.
inline int64_t run_of_place(const Part &part, int64_t place) {
  int64_t low = 0, high = part.run_count - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (part.runs[middle].index <= place) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

// Whether a run goes on with the page of the one before it: rows of a guess lie in several places, and are
// cut into tiles and shares as they will be when they lie side by side.
inline bool goes_on(const Part &part, int64_t run) {
  const kernels_run &before = part.runs[run - 1], &here = part.runs[run];
  return before.row + before.count == here.row && here.row % kTileKeys != 0;
}

// Rows from `within` a run on to the end of its page, as far as the list has them without a gap.
inline int64_t rows_of_page(const Part &part, int64_t run, int64_t within) {
  int64_t rows = part.runs[run].count - within;
  while (++run < part.run_count && goes_on(part, run)) rows += part.runs[run].count;
  return rows;
}

// Places of a list from `from` to `to` (exclusive).
struct Places {
  int64_t from;
  int64_t to;
};

// What any query of a part may see.
inline Places places_in_sight(const Part &part) {
  const int64_t from = place_of_row(part, sight(*part.segment, part.query_row(part.from)).low);
  const int64_t to = place_of_row(part, sight(*part.segment, part.query_row(part.to - 1)).high);
  return {from, to < from ? from : to};
}

// One of several shares of places, cut where runs begin: by the length of the list alone, so that
// results do not depend on who works on them.
inline int64_t share_begin(const Part &part, Places places, int64_t share, int64_t shares) {
  if (share == 0) return places.from;
  if (share == shares) return places.to;
  const int64_t cut = places.from + (places.to - places.from) * share / shares;
  if (cut >= places.to) return places.to;
  int64_t run = run_of_place(part, cut);
  while (run > 0 && goes_on(part, run)) run--;
  const int64_t begin = part.runs[run].index;
  return begin < places.from ? places.from : begin;
}

// Calls visit(part) for every part of a segment that heads of `kv_head` and tokens from..to have.
template <typename Visitor>
inline void each_part(const kernels_attention &call, const kernels_segment &segment, int64_t kv_head, int64_t from,
                      int64_t to, Visitor visit) {
  const int64_t first = segment.query_from - call.first_row, end = segment.query_to - call.first_row;
  Part part;
  part.call = &call;
  part.segment = &segment;
  part.kv_head = kv_head;
  part.from = first > from ? first : from;
  part.to = end < to ? end : to;
  if (part.from >= part.to) return;
  const int64_t sharers = call.heads / call.layout->kv_heads;
  const bool together =
      segment.head_scales == nullptr && (segment.groups == 1 || segment.groups == call.layout->kv_heads);
  part.heads = together ? sharers : 1;
  for (part.head = kv_head * sharers; part.head < (kv_head + 1) * sharers; part.head += part.heads) {
    part.group = part.head * segment.groups / call.heads;
    part.runs = segment.runs + segment.run_starts[part.group];
    part.run_count = segment.run_starts[part.group + 1] - segment.run_starts[part.group];
    part.position_scale = segment.head_scales == nullptr ? 1 : segment.head_scales[part.head];
    visit(part);
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
