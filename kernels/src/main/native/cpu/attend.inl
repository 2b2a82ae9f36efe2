// Softmax attention over segments of a plan. T new tokens, S cached tokens, H query heads, G key/value
// heads, D head dimensions.
//
// The work is cut into units: a block of tokens, a key/value head with the H / G query heads that share
// it, and, where there are few of those, a share of the keys. How it is cut depends on sizes alone and
// shares are merged in order, so the result does not depend on the threads. A unit passes once over its
// keys in tiles of 64: each is widened and rotated once for all rows (tokens times heads) of the unit; one
// token alone meets them as they are stored.

#include "attend_angles.inl"
#include "attend_rows.inl"
#include "attend_part.inl"
#include "attend_tile.inl"
#include "attend_product.inl"
#include "attend_direct.inl"
#include "attend_scores.inl"
#include "attend_softmax.inl"
#include "attend_mass.inl"

namespace longform {
namespace LONGFORM_ISA {

// rows of a unit: enough that widening and rotating keys is little beside the products
constexpr int64_t kUnitRows = 256;
// with so many units there is work for all threads, and the keys are not shared out
constexpr int64_t kUnits = 64;
constexpr int64_t kShareKeys = 512;
// multiplications of a piece, about ten microseconds of one token: smaller units are joined
constexpr int64_t kPieceProducts = 1 << 14;

struct AttendJob {
  const kernels_attention *call;
  int64_t block_tokens;
  int64_t rows;  // of a unit
  int64_t blocks;
  int64_t shares;
  int64_t units;
  int64_t units_of_piece;
  // with several shares, for each unit its states: (rows, 2 + D) of largest logit, sum, mix
  float *states;
  float *sums;  // as of MassJob, or NULL
};

struct Unit {
  int64_t kv_head;
  int64_t share;
  int64_t from;  // tokens
  int64_t to;
};

inline Unit unit_of(const AttendJob &job, int64_t number) {
  Unit unit;
  unit.share = number % job.shares;
  number /= job.shares;
  const int64_t kv_heads = job.call->layout->kv_heads;
  unit.kv_head = number % kv_heads;
  // later tokens see more: they come first, so that threads end together
  unit.from = (job.blocks - 1 - number / kv_heads) * job.block_tokens;
  unit.to = unit.from + job.block_tokens < job.call->tokens ? unit.from + job.block_tokens : job.call->tokens;
  return unit;
}

inline int64_t sharers(const kernels_attention &call) { return call.heads / call.layout->kv_heads; }

// One query and head is done: writes whatever is asked for. `largest` and `sum` of its logits.
inline void finish(const AttendJob &job, int64_t token, int64_t head, float largest, float sum, const float *mixed) {
  const kernels_attention &call = *job.call;
  const int64_t at = token * call.heads + head, head_dim = call.layout->head_dim;
  const float inverse = sum == 0 ? 0 : 1 / sum;
  float *out = call.out + at * head_dim;
  for (int64_t d = 0; d < head_dim; d++) out[d] = mixed[d] * inverse;
  if (call.log_sum_exp != nullptr) {
    call.log_sum_exp[at] = sum == 0 ? -__builtin_inff() : static_cast<float>(largest + ::log(static_cast<double>(sum)));
  }
  if (job.sums != nullptr) {
    job.sums[at * 2] = largest;
    job.sums[at * 2 + 1] = inverse;
  }
}

inline void attend_unit(const AttendJob &job, int64_t number, Workspace &work) {
  const kernels_attention &call = *job.call;
  const Unit unit = unit_of(job, number);
  const int64_t sharing = sharers(call), rows = (unit.to - unit.from) * sharing;
  for (int64_t i = 0; i < rows; i++) {
    work.largest[i] = -__builtin_inff();
    work.sums[i] = 0;
  }
  std::memset(work.mixed, 0, static_cast<size_t>(rows * work.width) * 4);
  Tile tile;
  for (int64_t s = 0; s < call.segment_count; s++) {
    each_part(call, call.segments[s], unit.kv_head, unit.from, unit.to, [&](const Part &part) {
      const Places seen = places_in_sight(part);
      const Places places = {share_begin(part, seen, unit.share, job.shares),
                             share_begin(part, seen, unit.share + 1, job.shares)};
      if (places.from >= places.to) return;
      const int64_t first = (part.from - unit.from) * sharing + part.head - unit.kv_head * sharing;
      Scoring scoring(part, work);
      TileReader reader(part, places);
      while (reader.next(tile)) {
        scoring.prepare(tile);
        add_tile(part, tile, scoring.direct(), first, part.heads == 1 ? sharing : 1, work);
      }
    });
  }
  const int64_t head_dim = call.layout->head_dim;
  for (int64_t i = 0; i < rows; i++) {
    if (job.shares == 1) {
      finish(job, unit.from + i / sharing, unit.kv_head * sharing + i % sharing, work.largest[i], work.sums[i],
             work.mixed + i * work.width);
      continue;
    }
    float *state = job.states + (number * job.rows + i) * (2 + head_dim);
    state[0] = work.largest[i];
    state[1] = work.sums[i];
    std::memcpy(state + 2, work.mixed + i * work.width, static_cast<size_t>(head_dim) * 4);
  }
}

inline void attend_piece(const void *data, int64_t piece, Arena &scratch) {
  const AttendJob &job = *static_cast<const AttendJob *>(data);
  Workspace work(*job.call, job.rows, scratch.reserve(Workspace::floats(*job.call, job.rows) * 4));
  const int64_t end = (piece + 1) * job.units_of_piece;
  for (int64_t unit = piece * job.units_of_piece; unit < end && unit < job.units; unit++) attend_unit(job, unit, work);
}

// Joins the shares of the keys of one block and key/value head: units from `piece * shares` on, into the first.
inline void merge_shares_piece(const void *data, int64_t piece, Arena &) {
  const AttendJob &job = *static_cast<const AttendJob *>(data);
  const int64_t first = piece * job.shares;
  const kernels_attention &call = *job.call;
  const Unit unit = unit_of(job, first);
  const int64_t sharing = sharers(call), head_dim = call.layout->head_dim, state_floats = 2 + head_dim;
  for (int64_t i = 0; i < (unit.to - unit.from) * sharing; i++) {
    float *states = job.states + (first * job.rows + i) * state_floats;
    const int64_t stride = job.rows * state_floats;
    float largest = -__builtin_inff();
    for (int64_t s = 0; s < job.shares; s++) {
      if (states[s * stride] > largest) largest = states[s * stride];
    }
    double sum = 0;
    for (int64_t s = 0; s < job.shares; s++) {
      float *state = states + s * stride;
      // a share where nothing was seen has no largest logit
      const double factor = state[1] == 0 ? 0 : ::exp(static_cast<double>(state[0]) - largest);
      sum += factor * state[1];
      const float weight = static_cast<float>(factor);
      for (int64_t d = 2; d < state_floats; d++) states[d] = (s == 0 ? 0 : states[d]) + weight * state[d];
    }
    finish(job, unit.from + i / sharing, unit.kv_head * sharing + i % sharing, largest, static_cast<float>(sum),
           states + 2);
  }
}

// The most keys that a query of the last block may see.
inline int64_t keys_in_sight(const AttendJob &job) {
  const kernels_attention &call = *job.call;
  int64_t keys = 0;
  for (int64_t s = 0; s < call.segment_count; s++) {
    int64_t most = 0;
    for (int64_t kv_head = 0; kv_head < call.layout->kv_heads; kv_head++) {
      each_part(call, call.segments[s], kv_head, (job.blocks - 1) * job.block_tokens, call.tokens,
                [&](const Part &part) {
                  const Places places = places_in_sight(part);
                  if (places.to - places.from > most) most = places.to - places.from;
                });
      if (call.segments[s].groups == 1) break;
    }
    keys += most;
  }
  return keys;
}

inline void attend(Pool &pool, const kernels_attention &call) {
  if (call.tokens == 0) return;
  AttendJob job;
  job.call = &call;
  const int64_t sharing = sharers(call), head_dim = call.layout->head_dim;
  job.block_tokens = sharing < kUnitRows ? kUnitRows / sharing : 1;
  if (job.block_tokens > call.tokens) job.block_tokens = call.tokens;
  job.rows = job.block_tokens * sharing;
  job.blocks = (call.tokens + job.block_tokens - 1) / job.block_tokens;
  const int64_t pairs = job.blocks * call.layout->kv_heads;  // of a block and a key/value head
  const int64_t keys = keys_in_sight(job);
  job.shares = keys / kShareKeys < kUnits / pairs ? keys / kShareKeys : kUnits / pairs;
  if (job.shares < 1) job.shares = 1;
  job.units = pairs * job.shares;
  const int64_t products = (keys / job.shares + 1) * job.rows * head_dim;
  job.units_of_piece = products >= kPieceProducts ? 1 : kPieceProducts / products;
  const int64_t state_floats = job.shares > 1 ? job.units * job.rows * (2 + head_dim) : 0;
  const int64_t sum_floats = call.mass != nullptr ? call.tokens * call.heads * 2 : 0;
  job.states = nullptr;
  job.sums = nullptr;
  if (state_floats + sum_floats > 0) {
    float *memory = static_cast<float *>(Pool::call_scratch().reserve((state_floats + sum_floats) * 4));
    job.states = memory;
    if (sum_floats > 0) job.sums = memory + state_floats;
  }
  pool.run((job.units + job.units_of_piece - 1) / job.units_of_piece, attend_piece, &job);
  if (job.shares > 1) pool.run(pairs, merge_shares_piece, &job);
  if (call.mass != nullptr) {
    const MassJob mass = {&call, job.sums, job.block_tokens};
    pool.run(mass_pieces(call), mass_piece, &mass);
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
