// Scores of many queries of one key head, as a blocked matrix product of which only what beats a
// query's k-th best so far is ever looked at.
//
// Queries are packed in panels of kBlockVectors vectors, (dims, panel): a lane is a query. Keys are
// widened into a tile, packed (dims, kBlockKeys). A score is one chain of fused products over the
// dims. The test of a finished block is one comparison for each vector of scores.

namespace longform {
namespace LONGFORM_ISA {

constexpr int kPanel = lanes::kBlockVectors * simd::W;

// Bytes of a tile of widened keys: half of a small second-level cache.
constexpr int64_t kTileBytes = 1 << 16;

inline int64_t tile_keys(int64_t dims) {
  const int64_t fit = kTileBytes / (4 * dims) / lanes::kBlockKeys * lanes::kBlockKeys;
  return fit > lanes::kBlockKeys ? fit : lanes::kBlockKeys;
}

// Queries of one key head, and the best of each.
struct ManyQueries {
  const float *panels;  // (panels, dims, kPanel)
  int64_t dims;
  int64_t count;
  Best *const *heaps;  // (count)
  float *bars;         // (panels, kPanel): what a score must beat; infinite where there is no query
};

inline __attribute__((always_inline)) void block_scores(const float *keys, const float *panel, int64_t dims, simd::f32 *out) {
  simd::f32 sum[lanes::kBlockKeys][lanes::kBlockVectors];
#pragma GCC unroll 12
  for (int j = 0; j < lanes::kBlockKeys; j++) {
#pragma GCC unroll 4
    for (int v = 0; v < lanes::kBlockVectors; v++) sum[j][v] = simd::zero();
  }
  for (int64_t d = 0; d < dims; d++) {
    simd::f32 query[lanes::kBlockVectors];
#pragma GCC unroll 4
    for (int v = 0; v < lanes::kBlockVectors; v++) query[v] = simd::load(panel + d * kPanel + v * simd::W);
#pragma GCC unroll 12
    for (int j = 0; j < lanes::kBlockKeys; j++) {
      const simd::f32 key = simd::set(keys[d * lanes::kBlockKeys + j]);
#pragma GCC unroll 4
      for (int v = 0; v < lanes::kBlockVectors; v++) sum[j][v] = simd::fma(key, query[v], sum[j][v]);
    }
  }
#pragma GCC unroll 12
  for (int j = 0; j < lanes::kBlockKeys; j++) {
#pragma GCC unroll 4
    for (int v = 0; v < lanes::kBlockVectors; v++) out[j * lanes::kBlockVectors + v] = sum[j][v];
  }
}

// Takes the better ones of a tile; `rows` are its keys' document indices.
inline void many_tile(const ManyQueries &many, const float *tile, int64_t keys, const int64_t *rows, int64_t k,
                      const Blocks &blocks) {
  const int64_t dims = many.dims;
  for (int64_t first = 0; first < many.count; first += kPanel) {
    float *bars = many.bars + first;
    for (int64_t block = 0; block < keys; block += lanes::kBlockKeys) {
      simd::f32 out[lanes::kBlockKeys * lanes::kBlockVectors];
      block_scores(tile + block * dims, many.panels + first * dims, dims, out);
      uint32_t any = 0;
      for (int i = 0; i < lanes::kBlockKeys * lanes::kBlockVectors; i++) {
        any |= lanes::greater(out[i], simd::load(bars + i % lanes::kBlockVectors * simd::W));
      }
      if (any == 0) continue;
      for (int i = 0; i < lanes::kBlockKeys * lanes::kBlockVectors; i++) {
        const int lane = i % lanes::kBlockVectors * simd::W;
        uint32_t better = lanes::greater(out[i], simd::load(bars + lane));
        if (better == 0) continue;
        float scores[simd::W];
        simd::store(scores, out[i]);
        for (; better != 0; better &= better - 1) {
          const int at = __builtin_ctz(better);
          Best *heap = many.heaps[first + lane + at];
          offer(heap, k, blocks, {scores[at], rows[block + i / lanes::kBlockVectors]});
          bars[lane + at] = heap[0].score;
        }
      }
    }
  }
}

// One block of queries of one key head, over one chunk of candidates.
inline void many_piece(const void *data, int64_t piece, Arena &scratch) {
  const TopKeysJob &job = *static_cast<const TopKeysJob *>(data);
  const kernels_top_keys_request &request = job.request;
  const kernels_kv_layout &layout = job.layout;
  const int64_t chunk = piece % job.chunks;
  const int64_t g = piece / job.chunks / job.query_blocks;
  const int64_t first = piece / job.chunks % job.query_blocks * kQueryBlock;
  const int64_t count = least(kQueryBlock, job.map.count(g) * request.query_count - first);
  if (count <= 0) return;
  const int64_t dims = layout.head_dim, keys = tile_keys(dims), padded = round_up(count, kPanel);

  float *panels = nullptr, *tile = nullptr, *bars = nullptr, *row = nullptr;
  Best **heaps = nullptr;
  int64_t *rows = nullptr;
  Carver carver;
  for (int round = 0; round < 2; round++) {
    panels = carver.take<float>(padded * dims);
    tile = carver.take<float>(keys * dims);
    bars = carver.take<float>(padded);
    heaps = carver.take<Best *>(padded);
    rows = carver.take<int64_t>(keys);
    row = carver.take<float>(2 * dims);
    if (round == 0) carver = {static_cast<char *>(scratch.reserve(carver.used)), 0};
  }

  for (int64_t i = 0; i < padded; i++) {
    float *lane = panels + i / kPanel * kPanel * dims + i % kPanel;
    const int64_t answer = i < count ? job.answer(g, first + i) : 0;
    const float *query = job.query(answer);
    for (int64_t d = 0; d < dims; d++) lane[d * kPanel] = i < count ? query[d] : 0;
    bars[i] = i < count ? -INFINITY : INFINITY;
    heaps[i] = job.heap(chunk, answer);
    for (int64_t j = 0; i < count && j < request.k; j++) heaps[i][j] = kNothing;
  }
  const ManyQueries many = {panels, dims, count, heaps, bars};

  const int64_t end = job.end(chunk);
  const kernels_run *run = run_of(request, job.begin(chunk));
  for (int64_t candidate = job.begin(chunk); candidate < end; candidate += keys) {
    const int64_t fit = least(keys, end - candidate), filled = round_up(fit, lanes::kBlockKeys);
    for (int64_t j = 0; j < filled; j++) {
      if (j < fit) {
        while (candidate + j >= run->index + run->count) run++;
        const int64_t within = candidate + j - run->index;
        widen_key(job, run->key + g * layout.head_stride + within * layout.row_bytes, row, row + dims);
        rows[j] = run->row + within;
      } else {
        // beats nothing
        for (int64_t d = 0; d < dims; d++) row[d] = NAN;
      }
      float *target = tile + j / lanes::kBlockKeys * lanes::kBlockKeys * dims + j % lanes::kBlockKeys;
      for (int64_t d = 0; d < dims; d++) target[d * lanes::kBlockKeys] = row[d];
    }
    many_tile(many, tile, filled, rows, request.k, job.blocks);
  }
  __atomic_fetch_add(job.rescored, count * (end - job.begin(chunk)), __ATOMIC_RELAXED);
}

}  // namespace LONGFORM_ISA
}  // namespace longform
