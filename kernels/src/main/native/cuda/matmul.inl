// out = x · wᵀ without tensor cores (with them: matmul_cores.inl). Few tokens: one warp for each row of the weight, up
// to eight tokens at once; a token's sums are the same bits whatever the others are. Many tokens: tiles of 64 tokens by
// 64 rows.
//
// With quantised weights activations are bytes, too: blocks of 32, largest magnitude / 127
// (cpu/matmul_quantise.inl), so that answers are those of the processor.

namespace longform::card {

constexpr int kFewTokens = KERNELS_ALIKE_TOKENS;

// Activations below this count as zero: 127 / them would be infinite.
constexpr float kLeastActivation = 1e-36f;

// One warp for each block of 32 activations.
CARD_KERNEL(card_codes, CodesArgs) {
  const int lane = thread_of_block() % kWarp;
  const int64_t block = block_x() * (kThreads / kWarp) + thread_of_block() / kWarp;
  if (block >= args.blocks) return;
  const float x = args.x[block * 32 + lane];
  const float largest = warp_max(fabsf(x));
  // NaN and infinity times zero are NaN
  const float spoil = warp_sum(x * 0.f);
  const bool sound = spoil == 0 && largest >= kLeastActivation;
  const int code = sound ? static_cast<int>(rintf(x * (127 / largest))) : 0;
  const float scale = sound ? largest / 127 : spoil;
  const int sum = warp_sum(code);
  args.codes[block * 32 + lane] = static_cast<int8_t>(code);
  if (lane == 0) {
    args.scales[block] = scale;
    args.sums[block] = scale * static_cast<float>(sum);
  }
}

// A sum and one more block of a token: `first` are the products of its first 16 codes with the weight's, `second` of
// the others.
template <typename Format>
CARD float with_block(float sum, float scale, float total, const BlockScales &of, int first, int second) {
  const float product = Format::kTwoScales
                            ? fmaf(of.high, static_cast<float>(second), of.low * static_cast<float>(first))
                            : of.low * static_cast<float>(first + second);
  const float with = fmaf(scale, product, sum);
  return Format::kHasMinimum ? fmaf(-total, of.minimum, with) : with;
}

// --- few tokens ---

// The row of a weight that a warp multiplies, and with which tokens.
struct FewPlace {
  int lane;
  FewProduct product;
  int64_t outer;
  int64_t first;
  int count;
};

CARD FewPlace few_place(const FewArgs &args) {
  FewPlace place = {};
  place.lane = thread_of_block() % kWarp;
  place.product = args.products[0];
#pragma unroll
  for (int j = 1; j < kMostFewProducts; j++) {
    if (block_x() >= args.products[j].first) place.product = args.products[j];
  }
  place.outer = (block_x() - place.product.first) * (kThreads / kWarp) + thread_of_block() / kWarp;
  place.first = block_y() * kFewTokens;
  place.count = static_cast<int>(least(kFewTokens, args.tokens - place.first));
  return place;
}

CARD void write_few(const FewPlace &place, const float *sums) {
#pragma unroll
  for (int t = 0; t < kFewTokens; t++) {
    if (t < place.count) {
      const float sum = warp_sum(sums[t]);
      if (place.lane == 0) place.product.out[(place.first + t) * place.product.outer + place.outer] = sum;
    }
  }
}

template <typename Format>
CARD void matmul_few_floats(const FewArgs &args) {
  const FewPlace place = few_place(args);
  if (place.outer >= place.product.outer) return;
  const uint8_t *row = place.product.weight + place.outer * args.row_bytes;
  const float *x = args.x + place.first * args.inner;
  float sums[kFewTokens] = {};
  for (int64_t i = place.lane; i < args.inner; i += kWarp) {
    const float w = Format::at(row, i);
#pragma unroll
    for (int t = 0; t < kFewTokens; t++) {
      if (t < place.count) sums[t] = fmaf(w, x[t * args.inner + i], sums[t]);
    }
  }
  write_few(place, sums);
}

template <typename Format>
CARD void matmul_few_codes(const FewArgs &args) {
  const FewPlace place = few_place(args);
  if (place.outer >= place.product.outer) return;
  const uint8_t *row = place.product.weight + place.outer * args.row_bytes;
  const int64_t blocks = args.inner / 32;
  float sums[kFewTokens] = {};
  for (int64_t b = place.lane; b < blocks; b += kWarp) {
    const BlockScales scales = Format::scales(row, b);
    uint32_t codes[8];
#pragma unroll
    for (int j = 0; j < 8; j++) codes[j] = Format::codes(row, b, j);
#pragma unroll
    for (int t = 0; t < kFewTokens; t++) {
      if (t < place.count) {
        const int64_t block = (place.first + t) * blocks + b;
        const uint32_t *x = reinterpret_cast<const uint32_t *>(args.codes + block * 32);
        int low = 0, high = 0;
#pragma unroll
        for (int j = 0; j < 4; j++) low = dot4(codes[j], x[j], low);
#pragma unroll
        for (int j = 4; j < 8; j++) high = dot4(codes[j], x[j], high);
        sums[t] = with_block<Format>(sums[t], args.scales[block], args.sums[block], scales, low, high);
      }
    }
  }
  write_few(place, sums);
}

// --- many tokens: each thread has tokens y + 16 i and rows x + 8 j of the tile ---

struct ManySums {
  float of[4][8];
};

// How many of a thread's four tokens and eight rows can be within the matrices; the same for the whole block.
struct ManyCounts {
  int tokens, rows;
};

CARD ManyCounts many_counts(const MatmulArgs &args) {
  const int64_t tokens = least(kTileRows, args.tokens - block_y() * kTileRows);
  const int64_t rows = least(kTileRows, args.outer - block_x() * kTileRows);
  return {static_cast<int>((tokens + 15) / 16), static_cast<int>((rows + 7) / 8)};
}

CARD void write_many(const MatmulArgs &args, const ManySums &sums) {
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int64_t token = block_y() * kTileRows + y + 16 * i;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const int64_t outer = block_x() * kTileRows + x + 8 * j;
      if (token < args.tokens && outer < args.outer) args.out[token * args.outer + outer] = sums.of[i][j];
    }
  }
}

template <typename Format>
CARD void matmul_many_floats(const MatmulArgs &args) {
  constexpr int kPitch = kTileRows + 1;
  float *left = reinterpret_cast<float *>(shared_memory()), *right = left + kTileDepth * kPitch;
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  const ManyCounts counts = many_counts(args);
  ManySums sums = {};
  for (int64_t from = 0; from < args.inner; from += kTileDepth) {
    for (int i = thread_of_block(); i < kTileRows * kTileDepth; i += kThreads) {
      const int row = i / kTileDepth, depth = i % kTileDepth;
      const int64_t token = block_y() * kTileRows + row, outer = block_x() * kTileRows + row, at = from + depth;
      const bool inside = at < args.inner;
      left[depth * kPitch + row] = inside && token < args.tokens ? args.x[token * args.inner + at] : 0;
      right[depth * kPitch + row] =
          inside && outer < args.outer ? Format::at(args.weight + outer * args.row_bytes, at) : 0;
    }
    block_barrier();
    for (int depth = 0; depth < kTileDepth; depth++) {
      float w[8];
#pragma unroll
      for (int j = 0; j < 8; j++) w[j] = right[depth * kPitch + x + 8 * j];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (i >= counts.tokens) break;
        const float a = left[depth * kPitch + y + 16 * i];
#pragma unroll
        for (int j = 0; j < 8; j++) sums.of[i][j] = fmaf(a, w[j], sums.of[i][j]);
      }
    }
    block_barrier();
  }
  write_many(args, sums);
}

template <typename Format>
CARD void matmul_many_codes(const MatmulArgs &args) {
  uint32_t *left = reinterpret_cast<uint32_t *>(shared_memory()), *right = left + kTileRows * kCodePitch;
  float *scales = reinterpret_cast<float *>(right + kTileRows * kCodePitch); // of tokens
  float *totals = scales + kTileRows, *low = totals + kTileRows, *high = low + kTileRows, *minima = high + kTileRows;
  const int x = thread_of_block() % 8, y = thread_of_block() / 8;
  const int64_t blocks = args.inner / 32;
  const ManyCounts counts = many_counts(args);
  ManySums sums = {};
  for (int64_t b = 0; b < blocks; b++) {
    for (int i = thread_of_block(); i < kTileRows * 8; i += kThreads) {
      const int row = i / 8, word = i % 8;
      const int64_t token = block_y() * kTileRows + row, outer = block_x() * kTileRows + row;
      const uint32_t *codes = reinterpret_cast<const uint32_t *>(args.codes) + (token * blocks + b) * 8;
      left[row * kCodePitch + word] = token < args.tokens ? codes[word] : 0;
      right[row * kCodePitch + word] =
          outer < args.outer ? Format::codes(args.weight + outer * args.row_bytes, b, word) : 0;
    }
    if (thread_of_block() < kTileRows) {
      const int row = thread_of_block();
      const int64_t token = block_y() * kTileRows + row, outer = block_x() * kTileRows + row;
      scales[row] = token < args.tokens ? args.scales[token * blocks + b] : 0;
      totals[row] = token < args.tokens ? args.sums[token * blocks + b] : 0;
      const BlockScales of =
          outer < args.outer ? Format::scales(args.weight + outer * args.row_bytes, b) : BlockScales{0, 0, 0};
      low[row] = of.low;
      high[row] = of.high;
      minima[row] = of.minimum;
    }
    block_barrier();
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (i >= counts.tokens) break;
      const int token = y + 16 * i;
      uint32_t a[8];
#pragma unroll
      for (int word = 0; word < 8; word++) a[word] = left[token * kCodePitch + word];
#pragma unroll
      for (int j = 0; j < 8; j++) {
        if (j >= counts.rows) break;
        const int row = x + 8 * j;
        int first = 0, second = 0;
#pragma unroll
        for (int word = 0; word < 4; word++) first = dot4(a[word], right[row * kCodePitch + word], first);
#pragma unroll
        for (int word = 4; word < 8; word++) second = dot4(a[word], right[row * kCodePitch + word], second);
        const BlockScales of = {low[row], high[row], minima[row]};
        sums.of[i][j] = with_block<Format>(sums.of[i][j], scales[token], totals[token], of, first, second);
      }
    }
    block_barrier();
  }
  write_many(args, sums);
}

#define LONGFORM_FLOATS(name, Format)                                                        \
  CARD_KERNEL(matmul_few_##name, FewArgs) { matmul_few_floats<Format>(args); }               \
  CARD_KERNEL(matmul_many_##name, MatmulArgs) { matmul_many_floats<Format>(args); }
#define LONGFORM_CODES(name, Format)                                                         \
  CARD_KERNEL(matmul_few_##name, FewArgs) { matmul_few_codes<Format>(args); }                \
  CARD_KERNEL(matmul_many_##name, MatmulArgs) { matmul_many_codes<Format>(args); }

LONGFORM_FLOATS(f32, F32)
LONGFORM_FLOATS(f16, F16)
LONGFORM_FLOATS(bf16, BF16)
LONGFORM_CODES(q8_0, Q8_0)
LONGFORM_CODES(q4_0, Q4_0)
LONGFORM_CODES(q5_0, Q5_0)
LONGFORM_CODES(q4_k, Q4_K)
LONGFORM_CODES(q5_k, Q5_K)
LONGFORM_CODES(q6_k, Q6_K)

#undef LONGFORM_FLOATS
#undef LONGFORM_CODES

}  // namespace longform::card
