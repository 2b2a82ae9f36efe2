// One chunk of candidates for few queries: first what has no sketch, in order, then the rest.

namespace longform {
namespace LONGFORM_ISA {

inline const char *sketch_of(const kernels_top_keys_request &request, const kernels_run *run) {
  return request.sketches == nullptr ? nullptr : request.sketches[run - request.runs];
}

// Whether a chunk has all of the page that a run is, and its sketch.
inline bool by_sketch(const TopKeysJob &job, const kernels_run *run, int64_t chunk) {
  return sketch_of(job.request, run) != nullptr && run->count == kSketchRows && run->index >= job.begin(chunk) &&
         run->index + run->count <= job.end(chunk);
}

template <typename Keys, bool Widens>
inline void few_chunk(FewPiece &piece, int64_t chunk) {
  const TopKeysJob &job = piece.job;
  const kernels_top_keys_request &request = job.request;
  const int64_t begin = job.begin(chunk), end = job.end(chunk);
  const kernels_run *first = run_of(request, begin), *behind = request.runs + request.run_count;
  for (const kernels_run *run = first; run < behind && run->index < end; run++) {
    if (by_sketch(job, run, chunk)) continue;
    const int64_t skip = most(0, begin - run->index), count = least(run->count, end - run->index) - skip;
    for (int64_t g = 0; g < job.layout.kv_heads; g++) {
      const char *keys = run->key + g * job.layout.head_stride + skip * job.layout.row_bytes;
      const bool more = run + 1 < behind;
      const char *next = g + 1 < job.layout.kv_heads ? keys + job.layout.head_stride : more ? run[1].key : keys;
      whole_run<Keys, Widens>(piece, piece.groups + g * piece.per_head, piece.per_head,
                              {keys, job.layout.row_bytes, run->row + skip, count, next});
    }
  }
  if (request.sketches == nullptr) return;
  for (const kernels_run *run = first; run < behind && run->index < end;) {
    Stretch &stretch = *piece.stretch;
    stretch.runs = run;
    stretch.sketches = request.sketches + (run - request.runs);
    stretch.pages = 0;
    while (run < behind && stretch.pages < stretch.most_pages && by_sketch(job, run, chunk)) {
      stretch.pages++;
      run++;
    }
    if (stretch.pages > 0) {
      search_stretch<Keys, Widens>(piece);
    } else {
      run++;
    }
  }
}

inline void few_piece(const void *data, int64_t chunk, Arena &scratch) {
  const TopKeysJob &job = *static_cast<const TopKeysJob *>(data);
  const kernels_kv_layout &layout = job.layout;
  const SketchLayout sketch(layout.head_dim);
  const int64_t padded = sketch.mean_dims, per_head = parts(job.map.largest() * job.request.query_count, 4);
  const int64_t count = layout.kv_heads * per_head;

  FewPiece piece = {job, nullptr, per_head, nullptr, padded, nullptr, 0};
  float *queries = nullptr;
  int8_t *codes = nullptr;
  Carver carver;
  const auto carve = [&] {
    piece.groups = carver.take<FewGroup>(count);
    piece.widened = carver.take<float>((kSketchRows + 1) * padded);
    queries = carver.take<float>(count * 4 * padded);
    codes = carver.take<int8_t>(count * 16 * sketch.quads);
    return Stretch(carver, job.request.sketches == nullptr ? 0 : count, job.request.k);
  };
  carve();
  carver = {static_cast<char *>(scratch.reserve(carver.used)), 0};
  Stretch stretch = carve();
  piece.stretch = &stretch;
  std::memset(queries, 0, static_cast<size_t>(count * 4 * padded) * sizeof(float));
  std::memset(codes, 0, static_cast<size_t>(count * 16 * sketch.quads));

  for (int64_t i = 0; i < count; i++) {
    FewGroup &group = piece.groups[i];
    const int64_t g = i / per_head, first = i % per_head * 4;
    group.few.queries = queries + i * 4 * padded;
    group.few.dims = padded;
    group.few.count = most(0, least(4, job.map.count(g) * job.request.query_count - first));
    group.coded = {codes + i * 16 * sketch.quads, {}, {}, {}, {}};
    group.few.unordered = false;
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
