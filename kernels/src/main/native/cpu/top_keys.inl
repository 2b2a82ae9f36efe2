// The k best keys of each head and query: scores and running selection in one pass; scores that
// beat nothing are never written.
//
// Candidates are cut into chunks of a number that depends on the request alone; every chunk keeps
// its own best, and these are merged by score, then row: the answer does not depend on the number
// of threads or on their timing.

#include "../sketch.h"
#include "top_keys_best.inl"
#include "top_keys_job.inl"
#include "top_keys_few.inl"
#include "top_keys_many.inl"
#include "top_keys_sketch.inl"
#include "top_keys_whole.inl"
#include "top_keys_stretch.inl"
#include "top_keys_chunk.inl"
#include "sketch_build.inl"

namespace longform {
namespace LONGFORM_ISA {

// answers of one piece of the merge
constexpr int64_t kAnswers = 64;

// Candidates that are no number, or -inf, are behind all others, the earlier first.
inline void complete(const TopKeysJob &job, Best *best) {
  const int64_t k = job.request.k;
  int64_t filled = 0;
  while (filled < k && best[filled].row != INT64_MAX) filled++;
  const int64_t scored = filled;
  for (int64_t row = job.request.from; filled < k; row += job.blocks.block_rows) {
    bool there = false;
    for (int64_t i = 0; i < scored && !there; i++) {
      there = best[i].row >= row && best[i].row < row + job.blocks.block_rows;
    }
    if (!there) best[filled++] = {-INFINITY, row};
  }
}

inline void merge_answers_piece(const void *data, int64_t piece, Arena &) {
  const TopKeysJob &job = *static_cast<const TopKeysJob *>(data);
  const int64_t k = job.request.k;
  for (int64_t answer = piece * kAnswers; answer < least(job.answers, (piece + 1) * kAnswers); answer++) {
    Best *best = job.heap(0, answer);
    for (int64_t chunk = 1; chunk < job.chunks; chunk++) {
      const Best *other = job.heap(chunk, answer);
      for (int64_t j = 0; j < k; j++) {
        if (worse(best[0], other[j])) sink(best, k, 0, other[j]);
      }
    }
    sort(best, k);
    complete(job, best);
    for (int64_t j = 0; j < k; j++) {
      job.request.rows[answer * k + j] = best[j].row;
      job.request.scores[answer * k + j] = best[j].score;
    }
  }
}

inline void top_keys(Pool &pool, const kernels_top_keys_request &request) {
  *request.rescored = 0;
  if (request.k <= 0 || request.query_count <= 0 || request.from >= request.to) return;
  TopKeysJob job(request);
  job.rescored = request.rescored;
  Carver carver;
  for (int round = 0; round < 2; round++) {
    job.heaps = carver.take<Best>((job.chunks + 1) * job.answers * request.k);
    job.shared = carver.take<Shared>(job.answers);
    if (round == 0) carver = {static_cast<char *>(Pool::call_scratch().reserve(carver.used)), 0};
  }
  for (int64_t i = 0; i < job.answers; i++) job.shared[i] = {0, -INFINITY};
  for (int64_t i = 0; i < job.answers * request.k; i++) job.heap(job.chunks, 0)[i] = kNothing;
  if (job.few) {
    pool.run(job.chunks, few_piece, &job);
  } else {
    pool.run(job.layout.kv_heads * job.query_blocks * job.chunks, many_piece, &job);
  }
  pool.run(parts(job.answers, kAnswers), merge_answers_piece, &job);
}

}  // namespace LONGFORM_ISA
}  // namespace longform
