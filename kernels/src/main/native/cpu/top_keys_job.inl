// What one search for the best keys knows: which query heads meet which key head, how candidates
// are cut into chunks, and where the best of each chunk are kept.

namespace longform {
namespace LONGFORM_ISA {

// Up to this many queries of one key head, reading the keys costs more than the products.
constexpr int64_t kFew = 8;
// Queries of one piece of a product: their panels and a tile of keys fit the second-level cache.
constexpr int64_t kQueryBlock = 256;
// Chunks depend on the request alone, never on the number of threads.
constexpr int64_t kMostPieces = 32;
constexpr int64_t kLeastRows = 4096;

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t parts(int64_t x, int64_t size) { return (x + size - 1) / size; }
inline int64_t round_up(int64_t x, int64_t step) { return parts(x, step) * step; }

// Cuts one block of memory into aligned parts; without memory it counts the bytes.
struct Carver {
  char *block = nullptr;
  int64_t used = 0;

  template <typename T>
  T *take(int64_t count) {
    char *part = block == nullptr ? nullptr : block + used;
    used += round_up(count * static_cast<int64_t>(sizeof(T)), 64);
    return reinterpret_cast<T *>(part);
  }
};

// Query heads of one key head: GROUP takes neighbours, MODULO every G-th.
struct HeadMap {
  explicit HeadMap(const kernels_top_keys_request &request)
      : heads(request.heads), kv_heads(request.layout->kv_heads), modulo(request.pairing == KERNELS_PAIRING_MODULO) {}

  int64_t first(int64_t g) const { return parts(g * heads, kv_heads); }
  int64_t count(int64_t g) const { return modulo ? parts(heads - g, kv_heads) : first(g + 1) - first(g); }
  int64_t head(int64_t g, int64_t i) const { return modulo ? g + i * kv_heads : first(g) + i; }
  int64_t largest() const { return parts(heads, kv_heads); }

  int64_t heads;
  int64_t kv_heads;
  bool modulo;
};

struct Shared;

struct TopKeysJob {
  explicit TopKeysJob(const kernels_top_keys_request &asked)
      : request(asked),
        layout(*asked.layout),
        map(asked),
        blocks{asked.from, asked.block_rows},
        candidates(asked.to - asked.from),
        answers(asked.heads * asked.query_count),
        few(map.largest() * asked.query_count <= kFew),
        query_blocks(few ? 1 : parts(map.largest() * asked.query_count, kQueryBlock)) {
    // a piece of few queries does all key heads, whose sketches of a page lie side by side
    const int64_t others = few ? 1 : layout.kv_heads * query_blocks;
    // a list that stays half empty is no use
    const int64_t useful = least(parts(candidates, kLeastRows), candidates / (4 * asked.k));
    chunk_rows = parts(candidates, most(1, least(useful, parts(kMostPieces, others))));
    // borders at those of pages, or of blocks
    const bool paged = asked.block_rows == 1;
    chunk_rows = round_up(chunk_rows, paged ? kSketchRows : asked.block_rows);
    shift = paged ? asked.from % kSketchRows : 0;
    chunks = parts(candidates + shift, chunk_rows);
  }

  // candidates of a chunk
  int64_t begin(int64_t chunk) const { return most(0, chunk * chunk_rows - shift); }
  int64_t end(int64_t chunk) const { return least(candidates, (chunk + 1) * chunk_rows - shift); }

  Best *heap(int64_t chunk, int64_t answer) const { return heaps + (chunk * answers + answer) * request.k; }

  // the i-th query of those that meet key head g
  int64_t answer(int64_t g, int64_t i) const {
    return map.head(g, i % map.count(g)) * request.query_count + i / map.count(g);
  }
  const float *query(int64_t answer) const {
    const int64_t head = answer / request.query_count, t = answer % request.query_count;
    return request.queries + (t * request.heads + head) * layout.head_dim;
  }

  const kernels_top_keys_request &request;
  const kernels_kv_layout &layout;
  HeadMap map;
  Blocks blocks;
  int64_t candidates;
  int64_t answers;
  bool few;
  int64_t query_blocks;
  int64_t chunk_rows;
  int64_t shift;
  int64_t chunks;
  Best *heaps = nullptr;        // (chunks, answers, k), and one more of all chunks together
  Shared *shared = nullptr;     // (answers)
  int64_t *rescored = nullptr;  // pairs of query and key whose score was computed
};

// The run that holds a candidate.
inline const kernels_run *run_of(const kernels_top_keys_request &request, int64_t candidate) {
  int64_t low = 0, high = request.run_count - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (request.runs[middle].index <= candidate) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return request.runs + low;
}

// A stored key or value as float32.
inline void widen_kv(const char *row, int64_t dtype, int64_t dims, float *out) {
  if (dtype == KERNELS_KV_F32) {
    std::memcpy(out, row, static_cast<size_t>(dims) * 4);
  } else if (dtype == KERNELS_KV_F16) {
    widen_f16(reinterpret_cast<const uint8_t *>(row), dims, out);
  } else {
    for (int64_t d = 0; d < dims; d += 32) {
      float scale[simd::W];
      simd::store(scale, lanes::half(row + dims + d / 32 * 2));
      for (int64_t i = d; i < least(d + 32, dims); i++) {
        out[i] = scale[0] * static_cast<float>(static_cast<int8_t>(row[i]));
      }
    }
  }
}

inline double norm_of(const float *value, int64_t dims, int64_t kind) {
  double l1 = 0, squares = 0;
  for (int64_t d = 0; d < dims; d++) {
    l1 += std::fabs(static_cast<double>(value[d]));
    squares += static_cast<double>(value[d]) * value[d];
  }
  return kind == KERNELS_NORM_VALUE_L1 ? l1 : std::sqrt(squares);
}

// A key as float32, times the norm of its value if that is asked for; `scratch` for one value.
inline void widen_key(const TopKeysJob &job, const char *key, float *out, float *scratch) {
  const kernels_kv_layout &layout = job.layout;
  widen_kv(key, layout.dtype, layout.head_dim, out);
  if (job.request.key_norm == KERNELS_NORM_NONE) return;
  widen_kv(key + layout.value_stride, layout.dtype, layout.head_dim, scratch);
  const float norm = static_cast<float>(norm_of(scratch, layout.head_dim, job.request.key_norm));
  for (int64_t d = 0; d < layout.head_dim; d++) out[d] *= norm;
}

// Best of an answer that all chunks searched so far have found: pieces skip what cannot be among
// them. What is skipped depends on timing; what is found does not.
struct Shared {
  int32_t locked;
  float bar;  // the k-th best score is at least this
};

// Lists longer than this are not worth joining so often.
constexpr int64_t kSharedBest = 64;

inline float shared_bar(const TopKeysJob &job, int64_t answer) {
  float bar;
  __atomic_load(&job.shared[answer].bar, &bar, __ATOMIC_RELAXED);
  return bar;
}

// Adds the best of a chunk; if another piece is just at it, another time will do.
inline void share(const TopKeysJob &job, int64_t answer, const Best *own) {
  const int64_t k = job.request.k;
  Shared &shared = job.shared[answer];
  if (k > kSharedBest || __atomic_exchange_n(&shared.locked, 1, __ATOMIC_ACQUIRE) != 0) return;
  Best *all = job.heap(job.chunks, answer);
  for (int64_t j = 0; j < k; j++) {
    if (worse(all[0], own[j]) && !holds(all, k, own[j].row)) sink(all, k, 0, own[j]);
  }
  __atomic_store(&shared.bar, &all[0].score, __ATOMIC_RELAXED);
  __atomic_store_n(&shared.locked, 0, __ATOMIC_RELEASE);
}

}  // namespace LONGFORM_ISA
}  // namespace longform
