// out_j (T, O_j) = x (T, I) · w_j (O_j, I)ᵀ, all products of a call in one round of pieces.
//
// Few tokens: rows of weights are read once where they lie, at the speed of memory (matmul_rows.inl).
// Many: panels of rows are unpacked and met with tiles of tokens (matmul_tiles.inl).
// For quantised weights x is rounded to int8 first (matmul_quantise.inl).

#include "formats.h"

namespace longform {
namespace LONGFORM_ISA {

// up to so many tokens unpacking does not pay; sums do not depend on their number
constexpr int64_t kFewTokens = KERNELS_ALIKE_TOKENS;
// more tokens than this are met in several rounds: a round's copy of x should stay in the cache
constexpr int64_t kRoundTokens = 512;
// elements of a row in a panel: with P rows it stays in the second-level cache
constexpr int64_t kPanelInner = 8192;
constexpr int64_t kFloatPanelInner = 1024;

struct MatmulJob {
  const float *x;  // of the first token
  int64_t first;
  int64_t tokens;
  int64_t inner;
  const kernels_product *products;
  int64_t count;
  int64_t rows;    // of one piece
  int64_t splits;  // pieces that share the rows, each with some of the tiles
  QuantisedRows quantised;
  int8_t *tiles;  // of int8 codes
  float *float_tiles;

  int64_t pieces_of(int64_t product) const { return (products[product].outer + rows - 1) / rows * splits; }
  int64_t pieces() const {
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) sum += pieces_of(i);
    return sum;
  }
};

template <typename Operation>
inline void with_format(int64_t dtype, Operation operation) {
  switch (dtype) {
    case KERNELS_Q8_0: operation(Q8_0()); break;
    case KERNELS_Q4_0: operation(Q4_0()); break;
    case KERNELS_Q5_0: operation(Q5_0()); break;
    case KERNELS_Q4_K: operation(Q4_K()); break;
    case KERNELS_Q5_K: operation(Q5_K()); break;
    case KERNELS_Q6_K: operation(Q6_K()); break;
    default: break;
  }
}

template <typename Operation>
inline void with_float_format(int64_t dtype, Operation operation) {
  switch (dtype) {
    case KERNELS_F32: operation(F32()); break;
    case KERNELS_F16: operation(F16()); break;
    case KERNELS_BF16: operation(BF16()); break;
    default: break;
  }
}

struct ProductPart {
  const kernels_product *product;
  const uint8_t *weight;
  int64_t row_bytes;
  int64_t from;
  int64_t to;
  int64_t split;
};

inline ProductPart part_of(const MatmulJob &job, int64_t piece) {
  int64_t i = 0;
  for (; piece >= job.pieces_of(i); i++) piece -= job.pieces_of(i);
  const kernels_product &product = job.products[i];
  const int64_t from = piece / job.splits * job.rows;
  const int64_t to = from + job.rows < product.outer ? from + job.rows : product.outer;
  return {&product, static_cast<const uint8_t *>(product.weight), stored_bytes(product.dtype, job.inner), from, to,
          piece % job.splits};
}

inline void few_tokens_piece(const void *data, int64_t piece, Arena &) {
  const MatmulJob &job = *static_cast<const MatmulJob *>(data);
  const ProductPart part = part_of(job, piece);
  const auto meet = [&](auto format, const auto &x) {
    matmul_rows<decltype(format)>(part.weight, part.row_bytes, part.from, part.to, x, job.tokens, part.product->out,
                                  part.product->outer);
  };
  with_format(part.product->dtype, [&](auto format) { meet(format, job.quantised); });
  with_float_format(part.product->dtype, [&](auto format) { meet(format, FloatRows{job.x, job.inner}); });
}

// calls operation(M) for a tile of `tokens`, at most M, as a constant
template <int M, typename Operation>
inline void with_tokens(int tokens, Operation operation) {
  if (tokens == M) {
    operation(std::integral_constant<int, M>());
  } else if constexpr (M > 1) {
    with_tokens<M - 1>(tokens, operation);
  }
}

template <typename Format>
inline void quantised_piece(const MatmulJob &job, const ProductPart &part, Arena &scratch) {
  const Tiling tiling = {job.tokens, dots::TOKENS};
  const int64_t blocks = job.inner / 32, most = blocks < kPanelInner / 32 ? blocks : kPanelInner / 32;
  uint8_t *panel = static_cast<uint8_t *>(scratch.reserve(most * panel_block<Format>()));
  const int64_t first = part.split * tiling.count() / job.splits;
  const int64_t last = (part.split + 1) * tiling.count() / job.splits;
  for (int64_t b = 0; b < blocks; b += most) {
    const int64_t end = b + most < blocks ? b + most : blocks;
    pack_panel<Format>(part.weight, part.row_bytes, part.from, part.product->outer, b, end, panel);
    for (int64_t tile = first; tile < last; tile++) {
      const int8_t *x = job.tiles + (tile * blocks + b) * kTileBlock;
      float *out = part.product->out + (job.first + tiling.first(tile)) * part.product->outer + part.from;
      with_tokens<dots::TOKENS>(tiling.tokens_of(tile), [&](auto tokens) {
        meet_tile<Format, decltype(tokens)::value>(x, panel, end - b, out, part.product->outer,
                                                   static_cast<int>(part.to - part.from), b > 0);
      });
    }
  }
}

template <typename Format>
inline void float_piece(const MatmulJob &job, const ProductPart &part, Arena &scratch) {
  const Tiling tiling = {job.tokens, dots::FLOAT_TOKENS};
  const int64_t most = job.inner < kFloatPanelInner ? job.inner : kFloatPanelInner;
  float *panel = static_cast<float *>(scratch.reserve(most * P * 4));
  const int64_t first = part.split * tiling.count() / job.splits;
  const int64_t last = (part.split + 1) * tiling.count() / job.splits;
  for (int64_t i = 0; i < job.inner; i += most) {
    const int64_t end = i + most < job.inner ? i + most : job.inner;
    pack_float_panel<Format>(part.weight, part.row_bytes, part.from, part.product->outer, i, end, panel);
    for (int64_t tile = first; tile < last; tile++) {
      const float *x = job.float_tiles + (tile * job.inner + i) * dots::FLOAT_TOKENS;
      float *out = part.product->out + (job.first + tiling.first(tile)) * part.product->outer + part.from;
      with_tokens<dots::FLOAT_TOKENS>(tiling.tokens_of(tile), [&](auto tokens) {
        meet_float_tile<decltype(tokens)::value>(x, panel, end - i, out, part.product->outer,
                                                 static_cast<int>(part.to - part.from), i > 0);
      });
    }
  }
}

inline void many_tokens_piece(const void *data, int64_t piece, Arena &scratch) {
  const MatmulJob &job = *static_cast<const MatmulJob *>(data);
  const ProductPart part = part_of(job, piece);
  with_format(part.product->dtype, [&](auto format) { quantised_piece<decltype(format)>(job, part, scratch); });
  with_float_format(part.product->dtype, [&](auto format) { float_piece<decltype(format)>(job, part, scratch); });
}

inline void quantise_piece(const void *data, int64_t tile, Arena &) {
  const MatmulJob &job = *static_cast<const MatmulJob *>(data);
  const Tiling tiling = {job.tokens, dots::TOKENS};
  quantise_tile(job.x + tiling.first(tile) * job.inner, job.inner, tiling.tokens_of(tile),
                job.tiles + tile * (job.inner / 32) * kTileBlock);
}

inline void pack_piece(const void *data, int64_t tile, Arena &) {
  const MatmulJob &job = *static_cast<const MatmulJob *>(data);
  const Tiling tiling = {job.tokens, dots::FLOAT_TOKENS};
  pack_tile(job.x + tiling.first(tile) * job.inner, job.inner, tiling.tokens_of(tile),
            job.float_tiles + tile * job.inner * dots::FLOAT_TOKENS);
}

// weight bytes of one piece: a few pieces for each thread, and a last one that ends soon
inline int64_t rows_of_piece(const MatmulJob &job, int threads) {
  int64_t bytes = 0, rows = 0;
  for (int64_t i = 0; i < job.count; i++) {
    bytes += job.products[i].outer * stored_bytes(job.products[i].dtype, job.inner);
    rows += job.products[i].outer;
  }
  constexpr int64_t most = 128 << 10, least = 16 << 10, step = 4;
  const int64_t share = bytes / (threads * 8);
  const int64_t piece = share > most ? most : share < least ? least : share;
  return (piece * rows / (bytes > 0 ? bytes : 1) + step) / step * step;
}

inline void few_tokens(Pool &pool, MatmulJob &job, bool quantised) {
  if (quantised) {
    Arena &memory = Pool::call_scratch();
    job.quantised = quantise_rows(job.x, job.tokens, job.inner,
                                  memory.reserve(quantised_rows_bytes(job.tokens, job.inner)));
  }
  job.rows = rows_of_piece(job, pool.threads());
  job.splits = 1;
  pool.run(job.pieces(), few_tokens_piece, &job);
}

inline void many_tokens(Pool &pool, MatmulJob &job, bool quantised, bool floats) {
  const Tiling tiling = {job.tokens, dots::TOKENS}, float_tiling = {job.tokens, dots::FLOAT_TOKENS};
  const int64_t bytes = quantised ? (tiling.count() * (job.inner / 32) * kTileBlock + 63) / 64 * 64 : 0;
  const int64_t float_bytes = floats ? float_tiling.count() * job.inner * dots::FLOAT_TOKENS * 4 : 0;
  job.tiles = static_cast<int8_t *>(Pool::call_scratch().reserve(bytes + float_bytes));
  job.float_tiles = reinterpret_cast<float *>(job.tiles + bytes);
  if (quantised) pool.run(tiling.count(), quantise_piece, &job);
  if (floats) pool.run(float_tiling.count(), pack_piece, &job);
  job.rows = P;
  job.splits = 1;
  // every piece unpacks its rows, which a hundred tokens pay for
  while (job.pieces() < 4 * pool.threads() && job.tokens / (job.splits * 2) >= 96) job.splits *= 2;
  pool.run(job.pieces(), many_tokens_piece, &job);
}

inline void matmul(Pool &pool, const float *x, int64_t tokens, int64_t inner, const kernels_product *products,
                   int64_t count) {
  bool quantised = false, floats = false;
  for (int64_t i = 0; i < count; i++) {
    (is_quantised(products[i].dtype) ? quantised : floats) = true;
  }
  if (tokens <= kFewTokens) {
    MatmulJob job = {x, 0, tokens, inner, products, count, 0, 0, {}, nullptr, nullptr};
    few_tokens(pool, job, quantised);
    return;
  }
  const int64_t rounds = (tokens + kRoundTokens - 1) / kRoundTokens;
  for (int64_t round = 0; round < rounds; round++) {
    const int64_t from = round * tokens / rounds, to = (round + 1) * tokens / rounds;
    MatmulJob job = {x + from * inner, from, to - from, inner, products, count, 0, 0, {}, nullptr, nullptr};
    many_tokens(pool, job, quantised, floats);
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
