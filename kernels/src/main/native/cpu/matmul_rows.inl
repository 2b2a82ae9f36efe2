// Products of few tokens: rows of weights are read once, as they lie, and met with every token.
// T tokens, I inner, O outer width.

namespace longform {
namespace LONGFORM_ISA {

// Tokens of int8 codes for matmul_rows, each in rows of whole spans.
struct QuantisedRows {
  const int8_t *codes;  // (T, spans * 256)
  const float *scales;  // (T, spans * 8)
  const float *sums;    // (T, spans * 8)
  int64_t blocks;
  int64_t spans;
};

inline int64_t quantised_rows_bytes(int64_t tokens, int64_t inner) {
  const int64_t spans = (inner + 255) / 256;
  return tokens * spans * (256 + 2 * 8 * 4);
}

// memory of quantised_rows_bytes
inline QuantisedRows quantise_rows(const float *x, int64_t tokens, int64_t inner, void *memory) {
  const int64_t blocks = inner / 32, spans = (blocks + 7) / 8;
  int8_t *codes = static_cast<int8_t *>(memory);
  float *scales = reinterpret_cast<float *>(codes + tokens * spans * 256);
  float *sums = scales + tokens * spans * 8;
  for (int64_t t = 0; t < tokens; t++) {
    int8_t *row = codes + t * spans * 256;
    for (int64_t b = 0; b < blocks; b++) {
      const QuantisedBlock block = quantise(x + t * inner + b * 32, row + b * 32);
      scales[t * spans * 8 + b] = block.scale;
      sums[t * spans * 8 + b] = block.sum;
    }
    for (int64_t b = blocks; b < spans * 8; b++) {
      std::memset(row + b * 32, 0, 32);
      scales[t * spans * 8 + b] = sums[t * spans * 8 + b] = 0;
    }
  }
  return {codes, scales, sums, blocks, spans};
}

[[gnu::always_inline]] inline void prefetch(const uint8_t *p, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
}

// span s of R rows times M tokens; of the last span of a row the first `blocks`
template <typename Format, bool WHOLE, int R, int M>
[[gnu::always_inline]] inline void meet_span(const uint8_t *rows, int64_t row_bytes, const QuantisedRows &x,
                                             int64_t first, int64_t s, int64_t blocks, dots::partial (&acc)[R][M]) {
  const uint8_t *spans = rows + s * Format::SPAN_BYTES;
  const int64_t place = first * x.spans + s;
  dots::products<Format::N> factors[R][M];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const uint8_t *span = spans + r * row_bytes;
    prefetch(span + R * row_bytes, Format::SPAN_BYTES);
    const auto scales = WHOLE ? Format::scales(span) : Format::scales(span, blocks);
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) dots::times(scales, x.scales + (m * x.spans + place) * 8, &factors[r][m]);
    if constexpr (Format::MINS) {
      const auto mins = Format::mins(span);
#pragma GCC unroll 16
      for (int m = 0; m < M; m++) acc[r][m] = dots::less(acc[r][m], mins, x.sums + (m * x.spans + place) * 8);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < 8; j++) {
    if (!WHOLE && j == blocks) break;
    decltype(Format::codes(rows, 0)) w[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) w[r] = Format::codes(spans + r * row_bytes, j);
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
      const auto v = dots::load(x.codes + (m * x.spans + place) * 256 + j * 32);
      const auto excess = dots::excess<Format::BITS, Format::OFFSET>(v);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) acc[r][m] = dots::meet<Format::BITS>(acc[r][m], w[r], v, excess, factors[r][m], j);
    }
  }
}

// R rows times M tokens
template <typename Format, int R, int M>
inline void meet_rows(const uint8_t *rows, int64_t row_bytes, const QuantisedRows &x, int64_t first, float *out,
                      int64_t outer) {
  dots::partial acc[R][M];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) acc[r][m] = dots::nothing();
  const int64_t whole = x.blocks / 8;
  for (int64_t s = 0; s < whole; s++) meet_span<Format, true>(rows, row_bytes, x, first, s, 8, acc);
  if (whole < x.spans) meet_span<Format, false>(rows, row_bytes, x, first, whole, x.blocks - whole * 8, acc);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) out[(first + m) * outer + r] = dots::total(acc[r][m]);
}

// Weights that are widened element by element.
struct F32 {
  static constexpr int64_t BYTES = 4;
  static simd::f32 load(const uint8_t *p) { return simd::load(reinterpret_cast<const float *>(p)); }
};
struct F16 {
  static constexpr int64_t BYTES = 2;
  static simd::f32 load(const uint8_t *p) { return simd::load_f16(reinterpret_cast<const uint16_t *>(p)); }
};
struct BF16 {
  static constexpr int64_t BYTES = 2;
  static simd::f32 load(const uint8_t *p) { return simd::load_bf16(reinterpret_cast<const uint16_t *>(p)); }
};

// n elements, fewer than a vector has; zeros after them
template <typename Format>
inline simd::f32 load_part(const uint8_t *p, int64_t n) {
  uint8_t padded[simd::W * Format::BYTES] = {0};
  std::memcpy(padded, p, static_cast<size_t>(n * Format::BYTES));
  return Format::load(padded);
}

struct FloatRows {
  const float *x;  // (T, I)
  int64_t inner;
};

// R rows times M tokens
template <typename Format, int R, int M>
inline void meet_rows(const uint8_t *rows, int64_t row_bytes, const FloatRows &x, int64_t first, float *out,
                      int64_t outer) {
  simd::f32 acc[R][M];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) acc[r][m] = simd::zero();
  const float *tokens = x.x + first * x.inner;
  int64_t i = 0;
  for (; i + simd::W <= x.inner; i += simd::W) {
    simd::f32 w[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const uint8_t *p = rows + r * row_bytes + i * Format::BYTES;
      __builtin_prefetch(p + R * row_bytes);
      w[r] = Format::load(p);
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
      const simd::f32 v = simd::load(tokens + m * x.inner + i);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) acc[r][m] = simd::fma(w[r], v, acc[r][m]);
    }
  }
  if (i < x.inner) {
    const int rest = static_cast<int>(x.inner - i);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const simd::f32 w = load_part<Format>(rows + r * row_bytes + i * Format::BYTES, rest);
#pragma GCC unroll 16
      for (int m = 0; m < M; m++) {
        acc[r][m] = simd::fma(w, simd::load_part(tokens + m * x.inner + i, rest), acc[r][m]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) out[(first + m) * outer + r] = simd::sum(acc[r][m]);
}

template <typename Format, int M, typename X>
inline void meet_tokens(const uint8_t *weight, int64_t row_bytes, int64_t from, int64_t to, const X &x, int64_t first,
                        float *out, int64_t outer) {
  // registers hold the sums of as many pairs
  constexpr int R = M == 1 ? dots::ROWS : M == 2 ? (dots::ROWS + 1) / 2 : 2;
  int64_t o = from;
  for (; o + R <= to; o += R) meet_rows<Format, R, M>(weight + o * row_bytes, row_bytes, x, first, out + o, outer);
  for (; o < to; o++) meet_rows<Format, 1, M>(weight + o * row_bytes, row_bytes, x, first, out + o, outer);
}

// rows from .. to of a weight times all tokens, up to four at a time; out (T, O)
template <typename Format, typename X>
inline void matmul_rows(const uint8_t *weight, int64_t row_bytes, int64_t from, int64_t to, const X &x, int64_t tokens,
                        float *out, int64_t outer) {
  // few rows at a time, so that they are still in the cache for the next tokens
  constexpr int64_t batch = 16;
  for (int64_t o = from; o < to; o += batch) {
    const int64_t end = o + batch < to ? o + batch : to;
    int64_t t = 0;
    for (; t + 4 <= tokens; t += 4) meet_tokens<Format, 4>(weight, row_bytes, o, end, x, t, out, outer);
    switch (tokens - t) {
      case 3: meet_tokens<Format, 3>(weight, row_bytes, o, end, x, t, out, outer); break;
      case 2: meet_tokens<Format, 2>(weight, row_bytes, o, end, x, t, out, outer); break;
      case 1: meet_tokens<Format, 1>(weight, row_bytes, o, end, x, t, out, outer); break;
      default: break;
    }
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
