// Softmax over keys that come tile by tile: the largest logit so far, the sum of exponentials relative
// to it and the mix of values so far (Milakov and Gimelshein; Dao et al., FlashAttention).

namespace longform {
namespace LONGFORM_ISA {

inline void scale_row(float *row, int64_t width, float factor) {
  const simd::f32 f = simd::set(factor);
  for (int64_t d = 0; d < width; d += simd::W) simd::store(row + d, simd::mul(simd::load(row + d), f));
}

// Replaces scores from `begin` to `end`, whole vectors, by exponentials and adds them to a row's state.
inline void exponentiate(float *scores, int begin, int end, int64_t state, Workspace &work) {
  simd::f32 most = simd::load(scores + begin);
  for (int j = begin + simd::W; j < end; j += simd::W) most = simd::max(most, simd::load(scores + j));
  const float here = simd::largest(most), before = work.largest[state];
  if (here > before) {
    const float factor = static_cast<float>(::exp(static_cast<double>(before) - here));
    work.sums[state] *= factor;
    scale_row(work.mixed + state * work.width, work.width, factor);
    work.largest[state] = here;
  }
  const simd::f32 largest = simd::set(work.largest[state]);
  simd::f32 sum = simd::zero();
  for (int j = begin; j < end; j += simd::W) {
    const simd::f32 e = exp(simd::sub(simd::load(scores + j), largest));
    simd::store(scores + j, e);
    sum = simd::add(sum, e);
  }
  work.sums[state] += simd::sum(sum);
}

inline bool all_finite(const float *values, int64_t count) {
  simd::f32 zeros = simd::zero();
  for (int64_t i = 0; i < count; i += simd::W) zeros = simd::fma(simd::load(values + i), simd::zero(), zeros);
  return simd::sum(zeros) == 0;
}

// Adds a tile to the states of a part's rows; row i has state first_state + i * step.
inline void add_tile(const Part &part, const Tile &tile, int64_t first_state, int64_t step, Workspace &work) {
  const kernels_kv_layout &layout = *part.call->layout;
  widen_values(layout.dtype, tile.keys, part.kv_head * layout.head_stride + layout.value_stride, tile.count,
               layout.head_dim, work.width, work.values);
  const bool whole = sees_whole(part, tile);
  // zero times a value that is not finite is not zero: then only what a query sees is added
  const bool careful = !whole && !all_finite(work.values, tile.count * work.width);
  const int64_t rows = part.rows();
  for (int64_t first = 0; first < rows; first += kSumRows) {
    const int count = rows - first < kSumRows ? static_cast<int>(rows - first) : kSumRows;
    const ScoreRows block(part, tile, whole, first, count);
    if (block.low >= block.high) continue;
    block.multiply(work);
    for (int i = 0; i < count; i++) {
      float *scores = work.scores + i * kTileKeys;
      const int64_t state = first_state + (first + i) * step;
      if (block.mask(i, scores)) {
        exponentiate(scores, block.begin(), block.end(), state, work);
      } else {
        for (int j = block.begin(); j < block.end(); j++) scores[j] = 0;
      }
      for (int j = block.low; careful && j < block.high; j++) {
        if (!block.sees(i, j)) continue;
        float *mixed = work.mixed + state * work.width;
        for (int64_t d = 0; d < work.width; d++) mixed[d] += scores[j] * work.values[j * work.width + d];
      }
    }
    if (careful) continue;
    product_any<true>(count, work.scores + block.low, kTileKeys, work.values + block.low * work.width, work.width,
                      block.high - block.low, work.mixed + (first_state + first * step) * work.width,
                      step * work.width, work.width / simd::W);
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
