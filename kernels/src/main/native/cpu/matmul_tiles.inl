// Products of many tokens, in tiles: a panel of P rows of weights is unpacked once, columns first, and
// met with tiles of tokens that lie the same way, so that a tile's sums stay in registers.
// T tokens, I inner, O outer width; a lane is a row of weights.

namespace longform {
namespace LONGFORM_ISA {

constexpr int V = 2;             // vectors of rows
constexpr int P = V * simd::W;  // rows of a panel

// Tokens are shared out evenly over as few tiles of `most` as hold them.
struct Tiling {
  int64_t tokens;
  int64_t most;

  int64_t count() const { return (tokens + most - 1) / most; }
  int64_t first(int64_t tile) const { return tile * tokens / count(); }
  int tokens_of(int64_t tile) const { return static_cast<int>(first(tile + 1) - first(tile)); }
};

// Places of the rows of one vector of a panel; past the last row stands the last again.
inline void rows_of_vector(const uint8_t *weight, int64_t row_bytes, int64_t from, int64_t outer,
                           const uint8_t *(&rows)[simd::W]) {
  for (int r = 0; r < simd::W; r++) rows[r] = weight + (from + r < outer ? from + r : outer - 1) * row_bytes;
}

inline void store_columns(simd::f32 sum, float *out, int columns, bool add) {
  if (columns >= simd::W) {
    simd::store(out, add ? simd::add(simd::load(out), sum) : sum);
  } else if (columns > 0) {
    simd::store_part(out, add ? simd::add(simd::load_part(out, columns), sum) : sum, columns);
  }
}

// --- quantised weights ---

// A block of 32 of a tile's tokens: codes by fours [8][TOKENS][4], then for each token the scale, the
// scaled sum, and the two words of sums.
constexpr int64_t kBlockCodes = 32 * dots::TOKENS;
constexpr int64_t kTileBlock = kBlockCodes + 4 * dots::TOKENS * 4;

inline void quantise_tile(const float *x, int64_t inner, int tokens, int8_t *tile) {
  for (int m = 0; m < tokens; m++) {
    for (int64_t b = 0; b < inner / 32; b++) {
      int8_t *target = tile + b * kTileBlock;
      int8_t codes[32];
      const QuantisedBlock block = quantise(x + m * inner + b * 32, codes);
      for (int g = 0; g < 8; g++) std::memcpy(target + (g * dots::TOKENS + m) * 4, codes + 4 * g, 4);
      const float factors[2] = {block.scale, block.sum};
      for (int i = 0; i < 2; i++) {
        std::memcpy(target + kBlockCodes + (i * dots::TOKENS + m) * 4, factors + i, 4);
        std::memcpy(target + kBlockCodes + ((2 + i) * dots::TOKENS + m) * 4, block.sums + i, 4);
      }
    }
  }
}

// A block of 32 of a panel: codes by fours [8][P][4], the scales [N / 8][P], the minima [P] if any.
template <typename Format>
constexpr int64_t panel_block() {
  return P * (32 + 4 * (Format::N / 8 + (Format::MINS ? 1 : 0)));
}

template <int N>
inline void spread_scales(const dots::scales<N> &scales, int64_t blocks, int64_t block_bytes, uint8_t *target) {
  float each[N];
  dots::store(each, scales);
  for (int64_t b = 0; b < blocks; b++) {
    for (int i = 0; i < N / 8; i++) std::memcpy(target + b * block_bytes + i * P * 4, each + b * (N / 8) + i, 4);
  }
}

// blocks from .. to of the rows of a panel; `from` begins a span
template <typename Format>
inline void pack_panel(const uint8_t *weight, int64_t row_bytes, int64_t first, int64_t outer, int64_t from, int64_t to,
                       uint8_t *panel) {
  constexpr int64_t block_bytes = panel_block<Format>();
  constexpr int W = simd::W;
  for (int v = 0; v < V; v++) {
    const uint8_t *rows[W];
    rows_of_vector(weight, row_bytes, first + v * W, outer, rows);
    for (int64_t b = from; b < to; b += 8) {
      const int64_t blocks = to - b < 8 ? to - b : 8;
      const int64_t place = b / 8 * Format::SPAN_BYTES;
      uint8_t *target = panel + (b - from) * block_bytes + v * W * 4;
      for (int r = 0; r < W; r++) {
        const uint8_t *span = rows[r] + place;
        const auto scales = blocks == 8 ? Format::scales(span) : Format::scales(span, blocks);
        spread_scales(scales, blocks, block_bytes, target + 32 * P + r * 4);
        if constexpr (Format::MINS) {
          spread_scales(Format::mins(span), blocks, block_bytes, target + (32 + 4 * (Format::N / 8)) * P + r * 4);
        }
      }
      for (int64_t j = 0; j < blocks; j += dots::PACK_BLOCKS) {
        simd::f32 groups[dots::PACK_VECTORS][W];
#pragma GCC unroll 16
        for (int r = 0; r < W; r++) {
          simd::f32 row[dots::PACK_VECTORS];
          dots::unpack<Format>(rows[r] + place, j, blocks, row);
#pragma GCC unroll 8
          for (int i = 0; i < dots::PACK_VECTORS; i++) groups[i][r] = row[i];
        }
        for (int i = 0; i < dots::PACK_VECTORS; i++) {
          dots::transpose(groups[i]);
#pragma GCC unroll 16
          for (int c = 0; c < W; c++) {
            const int64_t group = j * 8 + i * W + c;
            if (group < blocks * 8) {
              simd::store(reinterpret_cast<float *>(target + group / 8 * block_bytes + group % 8 * 4 * P), groups[i][c]);
            }
          }
        }
      }
    }
  }
}

// halves of a word, each less its counterpart
inline int32_t halves_less(int32_t a, int32_t b) {
  const uint32_t x = static_cast<uint32_t>(a), y = static_cast<uint32_t>(b);
  return static_cast<int32_t>(((x - (y & 0xffff0000)) & 0xffff0000) | ((x - y) & 0xffff));
}

// M tokens of a tile times a panel of `blocks`
template <typename Format, int M>
inline void meet_tile(const int8_t *tile, const uint8_t *panel, int64_t blocks, float *out, int64_t outer, int columns,
                      bool add) {
  constexpr int B = Format::BITS, OFFSET = Format::OFFSET, HALVES = Format::N / 8;
  constexpr int T = dots::TOKENS;
  simd::f32 acc[M][V];
#pragma GCC unroll 16
  for (int m = 0; m < M; m++)
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) acc[m][v] = simd::zero();
  for (int64_t b = 0; b < blocks; b++, tile += kTileBlock, panel += panel_block<Format>()) {
    const float *token_scales = reinterpret_cast<const float *>(tile + kBlockCodes);
    const int32_t *token_sums = reinterpret_cast<const int32_t *>(token_scales + 2 * T);
    const float *row_scales = reinterpret_cast<const float *>(panel + 32 * P);
#pragma GCC unroll 2
    for (int h = 0; h < HALVES; h++) {
      dots::i32 sum[M][V];
#pragma GCC unroll 16
      for (int m = 0; m < M; m++) {
        const dots::i32 start = dots::start<B, OFFSET>(
            HALVES == 1 ? token_sums[m] : h == 0 ? token_sums[T + m] : halves_less(token_sums[m], token_sums[T + m]));
#pragma GCC unroll 16
        for (int v = 0; v < V; v++) sum[m][v] = start;
      }
#pragma GCC unroll 8
      for (int g = h * (8 / HALVES); g < (h + 1) * (8 / HALVES); g++) {
        decltype(dots::panel(panel)) w[V];
#pragma GCC unroll 16
        for (int v = 0; v < V; v++) w[v] = dots::panel(panel + (g * P + v * simd::W) * 4);
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) {
          const auto x = dots::group(tile + (g * T + m) * 4);
#pragma GCC unroll 16
          for (int v = 0; v < V; v++) sum[m][v] = dots::step<B>(sum[m][v], w[v], x);
        }
      }
      simd::f32 scale[V];
#pragma GCC unroll 16
      for (int v = 0; v < V; v++) scale[v] = simd::load(row_scales + h * P + v * simd::W);
#pragma GCC unroll 16
      for (int m = 0; m < M; m++) {
        const simd::f32 own = simd::set(token_scales[m]);
#pragma GCC unroll 16
        for (int v = 0; v < V; v++) {
          acc[m][v] = simd::fma(dots::finish<B>(sum[m][v]), simd::mul(scale[v], own), acc[m][v]);
        }
      }
    }
    if constexpr (Format::MINS) {
#pragma GCC unroll 16
      for (int v = 0; v < V; v++) {
        const simd::f32 least = simd::load(row_scales + HALVES * P + v * simd::W);
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) acc[m][v] = simd::fnma(least, simd::set(token_scales[T + m]), acc[m][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < M; m++)
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) store_columns(acc[m][v], out + m * outer + v * simd::W, columns - v * simd::W, add);
}

// --- float weights ---

// A tile of tokens, columns first: [I][FLOAT_TOKENS].
inline void pack_tile(const float *x, int64_t inner, int tokens, float *tile) {
  constexpr int W = simd::W, T = dots::FLOAT_TOKENS;
  for (int first = 0; first < tokens; first += W) {
    for (int64_t i = 0; i < inner; i += W) {
      simd::f32 v[W];
#pragma GCC unroll 16
      for (int m = 0; m < W; m++) {
        v[m] = first + m < tokens ? simd::load_part(x + (first + m) * inner + i, static_cast<int>(inner - i))
                                  : simd::zero();
      }
      dots::transpose(v);
#pragma GCC unroll 16
      for (int c = 0; c < W; c++) {
        if (i + c < inner) simd::store_part(tile + (i + c) * T + first, v[c], T - first);
      }
    }
  }
}

// columns from .. to of the rows of a panel: [to - from][P]
template <typename Format>
inline void pack_float_panel(const uint8_t *weight, int64_t row_bytes, int64_t first, int64_t outer, int64_t from,
                             int64_t to, float *panel) {
  constexpr int W = simd::W;
  for (int v = 0; v < V; v++) {
    const uint8_t *rows[W];
    rows_of_vector(weight, row_bytes, first + v * W, outer, rows);
    float *target = panel + v * W;
    for (int64_t i = from; i < to; i += W) {
      simd::f32 columns[W];
#pragma GCC unroll 16
      for (int r = 0; r < W; r++) {
        const uint8_t *p = rows[r] + i * Format::BYTES;
        columns[r] = to - i >= W ? Format::load(p) : load_part<Format>(p, to - i);
      }
      dots::transpose(columns);
#pragma GCC unroll 16
      for (int c = 0; c < W; c++) {
        if (i + c < to) simd::store(target + (i + c - from) * P, columns[c]);
      }
    }
  }
}

// M tokens of a tile times a panel of `count` columns
template <int M>
inline void meet_float_tile(const float *tile, const float *panel, int64_t count, float *out, int64_t outer,
                            int columns, bool add) {
  simd::f32 acc[M][V];
#pragma GCC unroll 16
  for (int m = 0; m < M; m++)
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) acc[m][v] = simd::zero();
  for (int64_t i = 0; i < count; i++, tile += dots::FLOAT_TOKENS, panel += P) {
    simd::f32 w[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) w[v] = simd::load(panel + v * simd::W);
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
      const simd::f32 x = simd::set(tile[m]);
#pragma GCC unroll 16
      for (int v = 0; v < V; v++) acc[m][v] = simd::fma(w[v], x, acc[m][v]);
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < M; m++)
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) store_columns(acc[m][v], out + m * outer + v * simd::W, columns - v * simd::W, add);
}

}  // namespace LONGFORM_ISA
}  // namespace longform
