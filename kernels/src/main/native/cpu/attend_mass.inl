// How much attention each cached row got: a second pass over the keys, since only after the first is the
// sum known that each exponential is a part of.

namespace longform {
namespace LONGFORM_ISA {

// The largest logit of each query and head, and one over its sum of exponentials, as (T, H, 2).
struct MassJob {
  const kernels_attention *call;
  const float *sums;
  int64_t block_tokens;
};

// Keys of one piece: enough to pack the queries for, few enough that many threads have work.
constexpr int64_t kMassKeys = 512;

// Mass of the rows of one list: one row of floats for all heads that share it, or one for each.
struct ListMass {
  float *mass;
  int64_t length;     // of the list
  int64_t first_head; // of those that share it
  int64_t rows;       // of floats

  float *of(int64_t head) const { return mass + (rows == 1 ? 0 : (head - first_head) * length); }
};

// Adds the mass of a tile's rows from the queries of a part.
inline void add_mass(const MassJob &job, const Part &part, const Tile &tile, bool direct, Workspace &work,
                     const ListMass &list) {
  const bool whole = sees_whole(part, tile);
  const int64_t rows = part.rows();
  for (int64_t first = 0; first < rows; first += kSumRows) {
    const int count = rows - first < kSumRows ? static_cast<int>(rows - first) : kSumRows;
    const ScoreRows block(part, tile, direct, whole, first, count);
    if (block.low >= block.high) continue;
    float *all = block.multiply(work);
    for (int i = 0; i < count; i++) {
      float *scores = all + i * kTileKeys;
      if (!block.mask(i, scores)) continue;
      const int64_t token = part.from + (first + i) / part.heads;
      const float *sum = job.sums + (token * part.call->heads + block.head(i)) * 2;
      const simd::f32 largest = simd::set(sum[0]), inverse = simd::set(sum[1]);
      for (int j = block.begin(); j < block.end(); j += simd::W) {
        simd::store(scores + j, simd::mul(exp(simd::sub(simd::load(scores + j), largest)), inverse));
      }
      float *mass = list.of(block.head(i)) + tile.place;
      // a query whose sum is not a number must not reach the rows that it does not see
      for (int j = block.low; j < block.high; j++) {
        if (whole || block.sees(i, j)) mass[j] += scores[j];
      }
    }
  }
}

// Mass of the rows of one list from `begin` to `end` (places).
inline void list_mass(const MassJob &job, const kernels_segment &segment, int64_t group, Places places,
                      Workspace &work, const ListMass &list) {
  const kernels_attention &call = *job.call;
  Tile tile;
  for (int64_t row = 0; row < list.rows; row++) {
    float *mass = list.mass + row * list.length;
    for (int64_t i = places.from; i < places.to; i++) mass[i] = 0;
  }
  for (int64_t kv_head = 0; kv_head < call.layout->kv_heads; kv_head++) {
    for (int64_t from = 0; from < call.tokens; from += job.block_tokens) {
      const int64_t to = from + job.block_tokens < call.tokens ? from + job.block_tokens : call.tokens;
      each_part(call, segment, kv_head, from, to, [&](const Part &part) {
        if (part.group != group) return;
        Places seen = places_in_sight(part);
        if (seen.from < places.from) seen.from = places.from;
        if (seen.to > places.to) seen.to = places.to;
        if (seen.from >= seen.to) return;
        Scoring scoring(part, work);
        TileReader reader(part, seen);
        while (reader.next(tile)) {
          scoring.prepare(tile);
          add_mass(job, part, tile, scoring.direct(), work, list);
        }
      });
    }
  }
}

// Pieces are parts of lists, in order; each adds up what all heads and queries give its rows, so that
// the order of additions is always the same.
inline void mass_piece(const void *data, int64_t piece, Arena &scratch) {
  const MassJob &job = *static_cast<const MassJob *>(data);
  const kernels_attention &call = *job.call;
  const int64_t rows = job.block_tokens * (call.heads / call.layout->kv_heads);
  Workspace work(call, rows, scratch.reserve(Workspace::floats(call, rows) * 4));
  float *mass = call.mass;
  for (int64_t s = 0; s < call.segment_count; s++) {
    const kernels_segment &segment = call.segments[s];
    const int64_t heads = call.heads / segment.groups;
    for (int64_t group = 0; group < segment.groups; group++) {
      const int64_t length = list_length(segment, group);
      const int64_t pieces = (length + kMassKeys - 1) / kMassKeys;
      if (piece < pieces) {
        const int64_t from = piece * kMassKeys;
        const ListMass list = {mass, length, group * heads, call.mass_of_heads ? heads : 1};
        list_mass(job, segment, group, {from, from + kMassKeys < length ? from + kMassKeys : length}, work, list);
        return;
      }
      piece -= pieces;
      mass += length * (call.mass_of_heads ? heads : 1);
    }
  }
}

inline int64_t mass_pieces(const kernels_attention &call) {
  int64_t pieces = 0;
  for (int64_t s = 0; s < call.segment_count; s++) {
    for (int64_t group = 0; group < call.segments[s].groups; group++) {
      pieces += (list_length(call.segments[s], group) + kMassKeys - 1) / kMassKeys;
    }
  }
  return pieces;
}

}  // namespace LONGFORM_ISA
}  // namespace longform
