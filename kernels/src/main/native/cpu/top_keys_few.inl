// Scores of few queries of one key head: every key is read once and meets them all in registers.
//
// The score of a pair is a sum of W partial sums over the dims, joined pairwise (lanes::sums): it
// depends on the pair alone, so that a key scored again gets the same bits.

namespace longform {
namespace LONGFORM_ISA {

// Stored keys whose dims are whole vectors, as vectors.
struct PlainKeys {
  static simd::f32 load(const char *row, int64_t d, int64_t) {
    return simd::load(reinterpret_cast<const float *>(row) + d);
  }
};

struct HalfKeys {
  static simd::f32 load(const char *row, int64_t d, int64_t) {
    return simd::load_f16(reinterpret_cast<const uint16_t *>(row) + d);
  }
};

struct ByteKeys {
  static simd::f32 load(const char *row, int64_t d, int64_t dims) {
    return simd::mul(simd::load_i8(reinterpret_cast<const int8_t *>(row) + d), lanes::half(row + dims + d / 32 * 2));
  }
};

// Up to four queries of one key head, and the best of each.
struct FewQueries {
  const float *queries;  // (4, padded dims), zeros where there is none
  int64_t dims;          // padded
  int64_t count;
  Best *heaps[4];
  float bars[lanes::kFewSums];  // what a score must beat, query by query, over and over

  // after a change of the best of query h; `width` queries lie side by side
  void raise(int h, int width) {
    for (int i = h; i < lanes::kFewSums; i += width) bars[i] = heaps[h][0].score;
  }
};

// Keys of other heads and pages follow, where the processor does not look by itself.
constexpr int64_t kReadAhead = 2048;

// keys of the register block
constexpr int few_keys(int queries) { return lanes::kFewSums / queries; }

template <typename Keys, int Queries>
inline void few_scores(const FewQueries &few, const char *const *rows, int64_t dims, simd::f32 *out) {
  constexpr int keys = few_keys(Queries);
  simd::f32 sum[keys * Queries];
#pragma GCC unroll 16
  for (int i = 0; i < keys * Queries; i++) sum[i] = simd::zero();
  for (int64_t d = 0; d < dims; d += simd::W) {
    simd::f32 query[Queries];
#pragma GCC unroll 4
    for (int h = 0; h < Queries; h++) query[h] = simd::load(few.queries + h * few.dims + d);
#pragma GCC unroll 16
    for (int j = 0; j < keys; j++) {
      const simd::f32 key = Keys::load(rows[j], d, dims);
#pragma GCC unroll 4
      for (int h = 0; h < Queries; h++) sum[j * Queries + h] = simd::fma(query[h], key, sum[j * Queries + h]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < keys * Queries; i += simd::W) out[i / simd::W] = lanes::sums(sum + i);
}

// The score of query h and one key, to the bit as few_scores has it.
template <typename Keys>
inline float few_score(const FewQueries &few, int h, const char *row, int64_t dims) {
  simd::f32 sum[simd::W];
  for (int i = 0; i < simd::W; i++) sum[i] = simd::zero();
  for (int64_t d = 0; d < dims; d += simd::W) {
    sum[0] = simd::fma(simd::load(few.queries + h * few.dims + d), Keys::load(row, d, dims), sum[0]);
  }
  float out[simd::W];
  simd::store(out, lanes::sums(sum));
  return out[0];
}

// Keys of one head that lie side by side.
struct KeyRun {
  const char *keys;
  int64_t row_bytes;
  int64_t first_row;
  int64_t count;
  const char *next;  // what is read after it
};

// Takes the better ones of a run.
template <typename Keys, int Queries>
inline void few_run(FewQueries &few, const KeyRun &run, int64_t dims, int64_t k, const Blocks &blocks) {
  constexpr int keys = few_keys(Queries);
  const int64_t bytes = run.count * run.row_bytes;
  for (int64_t j = 0; j < run.count; j += keys) {
    const char *rows[keys];
    // beyond the last key the last one again; it is not looked at
    for (int i = 0; i < keys; i++) rows[i] = run.keys + least(j + i, run.count - 1) * run.row_bytes;
    for (int64_t line = 0; line < keys * run.row_bytes; line += 64) {
      const int64_t at = j * run.row_bytes + line + kReadAhead;
      __builtin_prefetch(at < bytes ? run.keys + at : run.next + (at - bytes));
    }
    simd::f32 out[lanes::kFewSums / simd::W];
    few_scores<Keys, Queries>(few, rows, dims, out);
    for (int v = 0; v < lanes::kFewSums / simd::W; v++) {
      if (lanes::greater(out[v], simd::load(few.bars + v * simd::W)) == 0) continue;
      float scores[simd::W];
      simd::store(scores, out[v]);
      for (int i = 0; i < simd::W; i++) {
        const int at = v * simd::W + i, h = at % Queries;
        if (j + at / Queries >= run.count || !(scores[i] > few.bars[at])) continue;
        offer(few.heaps[h], k, blocks, {scores[i], run.first_row + j + at / Queries});
        few.raise(h, Queries);
      }
    }
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
