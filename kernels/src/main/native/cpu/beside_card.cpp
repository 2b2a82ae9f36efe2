#include "beside_card.h"

#include <algorithm>
#include <vector>

#include "../cuda/host_copies.h"
#include "kv_store.h"

namespace longform {
namespace {

// Numbers of a segment's mass.
int64_t mass_of(const kernels_attention &call, const kernels_segment &segment) {
  int64_t rows = 0;
  for (int64_t g = 0; g < segment.groups; g++) {
    const int64_t begin = segment.run_starts[g], end = segment.run_starts[g + 1];
    if (begin < end) rows += segment.runs[end - 1].index + segment.runs[end - 1].count;
  }
  return call.mass_of_heads != 0 ? rows * (call.heads / segment.groups) : rows;
}

}  // namespace

void store_beside(card::CardDevice &card, Pool &pool, const kernels_kv_layout &layout, const float *keys,
                  const float *values, const kernels_place *places, int64_t count) {
  std::vector<kernels_place> there, here;
  int64_t tokens = 0;
  for (int64_t i = 0; i < count; i++) {
    (card.holds(places[i].key) ? there : here).push_back(places[i]);
    tokens = std::max(tokens, places[i].from + places[i].count);
  }
  if (!there.empty()) card.store(layout, keys, values, there.data(), static_cast<int64_t>(there.size()));
  if (here.empty()) return;
  card::HostCopies copies(&card);
  const int64_t floats = tokens * layout.kv_heads * layout.head_dim;
  const float *keys_here = copies.in(keys, floats), *values_here = copies.in(values, floats);
  KvStore{layout, keys_here, values_here, here.data(), static_cast<int64_t>(here.size())}.run(pool);
}

void attend_beside(card::CardDevice &card, const Isa &isa, Pool &pool, const kernels_attention &call) {
  card::HostCopies copies(&card);
  const int64_t answers = call.tokens * call.heads, floats = answers * call.layout->head_dim;
  kernels_attention here = call;
  here.queries = copies.in(call.queries, floats);
  here.out = copies.out(call.out, floats);
  here.log_sum_exp = copies.out(call.log_sum_exp, answers);
  std::vector<kernels_segment> segments(call.segments, call.segments + call.segment_count);
  std::vector<std::vector<kernels_run>> runs;
  int64_t mass = 0;
  for (kernels_segment &segment : segments) {
    if (segment.chosen_count != nullptr) throw card::NotHere("rows that a card chose and does not attend to");
    mass += mass_of(call, segment);
    runs.push_back(copies.runs(*call.layout, segment.runs, segment.run_starts[segment.groups]));
    if (segment.kept_runs != nullptr) {
      kernels_run &last = runs.back().back();
      last.count = std::min(last.count, segment.list_end - last.index);
      segment.kept_runs = nullptr;
    }
    segment.runs = runs.back().data();
    segment.resident = 0;
  }
  here.mass = copies.out(call.mass, mass);
  here.segments = segments.data();
  isa.attend(pool, here);
  copies.finish();
}

void top_keys_beside(card::CardDevice &card, const Isa &isa, Pool &pool, const kernels_top_keys_request &request) {
  card::HostCopies copies(&card);
  const int64_t answers = request.heads * request.query_count;
  kernels_top_keys_request here = request;
  here.queries = copies.in(request.queries, answers * request.layout->head_dim);
  const std::vector<kernels_run> runs =
      copies.runs(*request.layout, copies.in(request.runs, request.run_count), request.run_count);
  here.runs = runs.data();
  // sketches lie where the runs do
  if (request.resident != 0) here.sketches = nullptr;
  here.resident = 0;
  here.rows = copies.out(request.rows, answers * request.k);
  here.scores = copies.out(request.scores, answers * request.k);
  isa.top_keys(pool, here);
  copies.finish();
}

}  // namespace longform
