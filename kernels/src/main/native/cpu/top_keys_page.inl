// A search with few queries over one chunk of candidates: page by page, by the sketch where there
// is one.

namespace longform {
namespace LONGFORM_ISA {

// More keys of a page than this are faster scored all together.
constexpr int64_t kFewSurvivors = 24;

struct FewGroup {
  FewQueries few;
  CodedQueries coded;
  int64_t answers[4];
};

struct FewPiece {
  const TopKeysJob &job;
  FewGroup *groups;   // (key heads, groups of each)
  int64_t per_head;
  float *widened;     // (64, padded dims) and one value
  int64_t padded;
  int64_t rescored;
};

inline int width_of(int64_t count) { return count > 2 ? 4 : static_cast<int>(count); }

// Keys whose dims are not whole vectors, or that are multiplied with a norm, pass through float32.
inline void widen_run(const FewPiece &piece, const KeyRun &run) {
  const int64_t dims = piece.job.layout.head_dim;
  for (int64_t j = 0; j < run.count; j++) {
    float *row = piece.widened + j * piece.padded;
    widen_key(piece.job, run.keys + j * run.row_bytes, row, piece.widened + kSketchRows * piece.padded);
    for (int64_t d = dims; d < piece.padded; d++) row[d] = 0;
  }
}

template <typename Keys>
inline void score_run(FewGroup &group, const KeyRun &run, int64_t dims, const TopKeysJob &job) {
  switch (width_of(group.few.count)) {
    case 1: few_run<Keys, 1>(group.few, run, dims, job.request.k, job.blocks); break;
    case 2: few_run<Keys, 2>(group.few, run, dims, job.request.k, job.blocks); break;
    default: few_run<Keys, 4>(group.few, run, dims, job.request.k, job.blocks); break;
  }
}

// All keys of a run, `Widens` if they pass through float32.
template <typename Keys, bool Widens>
inline void whole_run(FewPiece &piece, FewGroup *groups, const KeyRun &run) {
  for (int64_t from = 0; from < run.count; from += kSketchRows) {
    KeyRun part = {run.keys + from * run.row_bytes, run.row_bytes, run.first_row + from,
                   least(kSketchRows, run.count - from), run.next};
    if (Widens) {
      widen_run(piece, part);
      part.keys = part.next = reinterpret_cast<const char *>(piece.widened);
      part.row_bytes = piece.padded * 4;
    } else if (from + part.count < run.count) {
      part.next = part.keys + part.count * part.row_bytes;
    }
    for (int64_t i = 0; i < piece.per_head && groups[i].few.count > 0; i++) {
      score_run<Keys>(groups[i], part, Widens ? piece.padded : piece.job.layout.head_dim, piece.job);
      piece.rescored += groups[i].few.count * part.count;
    }
  }
}

template <typename Keys, bool Widens>
inline void score_survivors(FewPiece &piece, FewGroup &group, const uint64_t *chosen, const KeyRun &run) {
  for (int h = 0; h < group.few.count; h++) {
    Best *heap = group.few.heaps[h];
    for (uint64_t rows = chosen[h]; rows != 0; rows &= rows - 1) {
      const int64_t row = __builtin_ctzll(rows);
      KeyRun one = {run.keys + row * run.row_bytes, run.row_bytes, run.first_row + row, 1, nullptr};
      float score;
      if (Widens) {
        widen_run(piece, one);
        score = few_score<Keys>(group.few, h, reinterpret_cast<const char *>(piece.widened), piece.padded);
      } else {
        score = few_score<Keys>(group.few, h, one.keys, piece.job.layout.head_dim);
      }
      piece.rescored++;
      if (score > heap[0].score) {
        offer(heap, piece.job.request.k, piece.job.blocks, {score, one.first_row});
        group.few.raise(h, width_of(group.few.count));
      }
    }
  }
}

// One page of one key head by its sketch.
template <typename Keys, bool Widens>
inline void sketched_page(FewPiece &piece, FewGroup *groups, const PageSketch &sketch, int64_t quads,
                          const KeyRun &run) {
  for (int64_t i = 0; i < piece.per_head && groups[i].few.count > 0; i++) {
    FewGroup &group = groups[i];
    float bars[4];
    for (int h = 0; h < group.few.count; h++) {
      const float all = shared_bar(piece.job.bars + group.answers[h]), own = group.few.heaps[h][0].score;
      bars[h] = all > own ? all : own;
    }
    uint64_t chosen[4];
    int64_t count;
    switch (width_of(group.few.count)) {
      case 1: count = survivors<1>(group.few, group.coded, sketch, quads, bars, chosen); break;
      case 2: count = survivors<2>(group.few, group.coded, sketch, quads, bars, chosen); break;
      default:
        for (int64_t h = group.few.count; h < 4; h++) bars[h] = INFINITY;
        count = survivors<4>(group.few, group.coded, sketch, quads, bars, chosen);
        break;
    }
    if (count == 0) continue;
    if (count > kFewSurvivors) {
      KeyRun page = run;
      if (Widens) {
        widen_run(piece, run);
        page.keys = page.next = reinterpret_cast<const char *>(piece.widened);
        page.row_bytes = piece.padded * 4;
      }
      score_run<Keys>(group, page, Widens ? piece.padded : piece.job.layout.head_dim, piece.job);
      piece.rescored += group.few.count * run.count;
    } else {
      score_survivors<Keys, Widens>(piece, group, chosen, run);
    }
    for (int h = 0; h < group.few.count; h++) {
      share_bar(piece.job.bars + group.answers[h], group.few.heaps[h][0].score);
    }
  }
}

template <typename Keys, bool Widens>
inline void few_chunk(FewPiece &piece, int64_t chunk) {
  const TopKeysJob &job = piece.job;
  const kernels_top_keys_request &request = job.request;
  const SketchLayout layout(job.layout.head_dim);
  const int64_t end = job.end(chunk);
  int64_t candidate = job.begin(chunk);
  for (const kernels_run *run = run_of(request, candidate); candidate < end; run++) {
    const int64_t skip = candidate - run->index, count = least(run->count - skip, end - candidate);
    const char *sketch = request.sketches == nullptr || count < kSketchRows ? nullptr : request.sketches[run - request.runs];
    const bool more = candidate + count < end;
    for (int64_t g = 0; g < job.layout.kv_heads; g++) {
      const char *keys = run->key + g * job.layout.head_stride + skip * job.layout.row_bytes;
      const char *next = g + 1 < job.layout.kv_heads ? keys + job.layout.head_stride : more ? run[1].key : keys;
      const KeyRun part = {keys, job.layout.row_bytes, run->row + skip, count, next};
      FewGroup *groups = piece.groups + g * piece.per_head;
      if (sketch == nullptr) {
        whole_run<Keys, Widens>(piece, groups, part);
      } else {
        sketched_page<Keys, Widens>(piece, groups, PageSketch(sketch + g * layout.bytes, layout), layout.quads, part);
      }
    }
    candidate += count;
  }
}

inline void few_piece(const void *data, int64_t chunk, Arena &scratch) {
  const TopKeysJob &job = *static_cast<const TopKeysJob *>(data);
  const kernels_kv_layout &layout = job.layout;
  const SketchLayout sketch(layout.head_dim);
  const int64_t padded = sketch.mean_dims, per_head = parts(job.map.largest() * job.request.query_count, 4);
  const int64_t count = layout.kv_heads * per_head;

  FewPiece piece = {job, nullptr, per_head, nullptr, padded, 0};
  float *queries = nullptr;
  int8_t *codes = nullptr;
  Carver carver;
  for (int round = 0; round < 2; round++) {
    piece.groups = carver.take<FewGroup>(count);
    piece.widened = carver.take<float>((kSketchRows + 1) * padded);
    queries = carver.take<float>(count * 4 * padded);
    codes = carver.take<int8_t>(count * 16 * sketch.quads);
    if (round == 0) carver = {static_cast<char *>(scratch.reserve(carver.used)), 0};
  }
  std::memset(queries, 0, static_cast<size_t>(count * 4 * padded) * sizeof(float));
  std::memset(codes, 0, static_cast<size_t>(count * 16 * sketch.quads));

  for (int64_t i = 0; i < count; i++) {
    FewGroup &group = piece.groups[i];
    const int64_t g = i / per_head, first = i % per_head * 4;
    group.few.queries = queries + i * 4 * padded;
    group.few.dims = padded;
    group.few.count = most(0, least(4, job.map.count(g) * job.request.query_count - first));
    group.coded = {codes + i * 16 * sketch.quads, {}, {}, {}, {}};
    for (float &bar : group.few.bars) bar = INFINITY;
    for (int h = 0; h < group.few.count; h++) {
      const int64_t answer = group.answers[h] = job.answer(g, first + h);
      float *query = queries + (i * 4 + h) * padded;
      std::memcpy(query, job.query(answer), static_cast<size_t>(layout.head_dim) * sizeof(float));
      if (job.request.sketches != nullptr) {
        code_query(query, layout.head_dim, h, width_of(group.few.count), group.coded);
      }
      group.few.heaps[h] = job.heap(chunk, answer);
      for (int64_t j = 0; j < job.request.k; j++) group.few.heaps[h][j] = kNothing;
      group.few.raise(h, width_of(group.few.count));
    }
  }

  const bool plain = layout.head_dim % simd::W == 0 && job.request.key_norm == KERNELS_NORM_NONE;
  if (!plain) {
    few_chunk<PlainKeys, true>(piece, chunk);
  } else if (layout.dtype == KERNELS_KV_F32) {
    few_chunk<PlainKeys, false>(piece, chunk);
  } else if (layout.dtype == KERNELS_KV_F16) {
    few_chunk<HalfKeys, false>(piece, chunk);
  } else {
    few_chunk<ByteKeys, false>(piece, chunk);
  }
  __atomic_fetch_add(job.rescored, piece.rescored, __ATOMIC_RELAXED);
}

}  // namespace LONGFORM_ISA
}  // namespace longform
