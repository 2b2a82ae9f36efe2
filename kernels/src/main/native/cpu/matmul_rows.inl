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

// A row is read from its begin to its end before the next: the streams of several rows side by side defeat
// the processor's own prefetching. The memory asked for is this far ahead, beyond what that reaches.
constexpr int64_t kAheadBytes = 4096;
// sums of a row and a token, so that an addition need not wait for the one before it
constexpr int kChains = 2;

// Whether a whole span's offsets are taken away at once, times the sums of its activations, which are float32:
// for small offsets, else too many digits of the products would go.
template <typename Format>
constexpr bool kOffsetLater = dots::UNSIGNED && Format::OFFSET > 0 && Format::OFFSET <= 16 && Format::N == 8;

// a span of a row times M tokens; of the last span of a row the first `blocks`. place: of the span in x
template <typename Format, bool WHOLE, int M>
[[gnu::always_inline]] inline void meet_span(const uint8_t *span, const QuantisedRows &x, int64_t place,
                                             int64_t blocks, dots::partial (&acc)[M][kChains],
                                             dots::partial (&offsets)[M]) {
  prefetch(span + kAheadBytes, Format::SPAN_BYTES);
  const auto scales = WHOLE ? Format::scales(span) : Format::scales(span, blocks);
  dots::products<Format::N> factors[M];
#pragma GCC unroll 16
  for (int m = 0; m < M; m++) dots::times(scales, x.scales + (m * x.spans + place) * 8, &factors[m]);
  if constexpr (Format::MINS) {
    const auto mins = Format::mins(span);
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) acc[m][0] = dots::less(acc[m][0], mins, x.sums + (m * x.spans + place) * 8);
  }
  if constexpr (kOffsetLater<Format>) {
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) offsets[m] = dots::less(offsets[m], scales, x.sums + (m * x.spans + place) * 8);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 8; j++) {
    if (!WHOLE && j == blocks) break;
    const auto w = Format::codes(span, j);
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
      const auto v = dots::load(x.codes + (m * x.spans + place) * 256 + j * 32);
      const auto excess = dots::excess<Format::BITS, kOffsetLater<Format> ? 0 : Format::OFFSET>(v);
      dots::partial &sum = acc[m][j % kChains];
      sum = dots::meet<Format::BITS>(sum, w, v, excess, factors[m], j);
    }
  }
}

// a row times M tokens, from token `first`
template <typename Format, int M>
inline void meet_row(const uint8_t *row, const QuantisedRows &x, int64_t first, float *out, int64_t outer) {
  dots::partial acc[M][kChains], offsets[M];
#pragma GCC unroll 16
  for (int m = 0; m < M; m++) {
    offsets[m] = dots::nothing();
    for (int c = 0; c < kChains; c++) acc[m][c] = dots::nothing();
  }
  const int64_t whole = x.blocks / 8, place = first * x.spans;
  for (int64_t s = 0; s < whole; s++) {
    meet_span<Format, true>(row + s * Format::SPAN_BYTES, x, place + s, 8, acc, offsets);
  }
  if (whole < x.spans) {
    meet_span<Format, false>(row + whole * Format::SPAN_BYTES, x, place + whole, x.blocks - whole * 8, acc, offsets);
  }
#pragma GCC unroll 16
  for (int m = 0; m < M; m++) {
    float total = dots::total(acc[m][0]) + dots::total(acc[m][1]);
    if constexpr (kOffsetLater<Format>) total += Format::OFFSET * dots::total(offsets[m]);
    out[(first + m) * outer] = total;
  }
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

// a row times M tokens, from token `first`
template <typename Format, int M>
inline void meet_row(const uint8_t *row, const FloatRows &x, int64_t first, float *out, int64_t outer) {
  simd::f32 acc[M][kChains];
#pragma GCC unroll 16
  for (int m = 0; m < M; m++)
    for (int c = 0; c < kChains; c++) acc[m][c] = simd::zero();
  const float *tokens = x.x + first * x.inner;
  int64_t i = 0;
  for (; i + kChains * simd::W <= x.inner; i += kChains * simd::W) {
    // into the second cache: the first holds x
    __builtin_prefetch(row + i * Format::BYTES + kAheadBytes, 0, 2);
#pragma GCC unroll 2
    for (int c = 0; c < kChains; c++) {
      const int64_t at = i + c * simd::W;
      const simd::f32 w = Format::load(row + at * Format::BYTES);
#pragma GCC unroll 16
      for (int m = 0; m < M; m++) acc[m][c] = simd::fma(w, simd::load(tokens + m * x.inner + at), acc[m][c]);
    }
  }
  for (; i < x.inner; i += simd::W) {
    const int rest = static_cast<int>(x.inner - i < simd::W ? x.inner - i : simd::W);
    const simd::f32 w = load_part<Format>(row + i * Format::BYTES, rest);
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
      acc[m][0] = simd::fma(w, simd::load_part(tokens + m * x.inner + i, rest), acc[m][0]);
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < M; m++) out[(first + m) * outer] = simd::sum(acc[m][0]) + simd::sum(acc[m][1]);
}

template <typename Format, int M, typename X>
inline void meet_tokens(const uint8_t *weight, int64_t row_bytes, int64_t from, int64_t to, const X &x, int64_t first,
                        float *out, int64_t outer) {
  for (int64_t o = from; o < to; o++) meet_row<Format, M>(weight + o * row_bytes, x, first, out + o, outer);
}

// rows from .. to of a weight times all tokens, up to four at a time; out (T, O). What a token gives does not
// depend on the others.
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
