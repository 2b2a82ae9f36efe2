// out = x · wᵀ of many tokens by tensor cores. A block's tokens and rows of the weight lie in shared memory 32
// elements deep, twice: while one turn is multiplied the next one is on its way. Warps have half of the tokens and half
// of the rows each, as tiles of 16 tokens by 8 rows (mma.h).
//
// Weights with codes: whole numbers, and then the additions of matmul_many_* in their order, so the same bits.
// Weights of 16 bits: activations are sums of such numbers (split.inl).

namespace longform::card {

// --- where a warp is ---

struct CorePlace {
  int64_t token, row;     // the block's first ones
  int tokens, rows;       // of this warp that are within the matrices
  int of_token, of_row;   // the warp's first ones within the block
  int lane_row, lane_two; // of a lane's sums: a tile's row, and the first of two columns
};

// Blocks: (tokens, rows), so that blocks that follow each other read the same weights.
CARD CorePlace core_place(int tokens_of_block, int64_t tokens, int64_t outer) {
  const int warp = thread_of_block() / kWarp, lane = thread_of_block() % kWarp;
  CorePlace place;
  place.token = block_x() * tokens_of_block;
  place.row = block_y() * kCoreRows;
  place.of_token = warp % 2 * (tokens_of_block / 2);
  place.of_row = warp / 2 * (kCoreRows / 2);
  place.tokens = static_cast<int>(least(tokens_of_block / 2, tokens - place.token - place.of_token));
  place.rows = static_cast<int>(least(kCoreRows / 2, outer - place.row - place.of_row));
  place.lane_row = lane / 4;
  place.lane_two = lane % 4 * 2;
  return place;
}

// Tiles of a warp: TOKENS times four, and a lane's four numbers of each.
template <int TOKENS>
struct CoreSums {
  float of[TOKENS][4][4];
};

template <int TOKENS>
CARD void write_cores(const CorePlace &place, const CoreSums<TOKENS> &sums, int64_t outer, float *out) {
#pragma unroll
  for (int i = 0; i < TOKENS; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const int token = 16 * i + place.lane_row + n / 2 * 8, row = 8 * j + place.lane_two + n % 2;
        if (token < place.tokens && row < place.rows) {
          out[(place.token + place.of_token + token) * outer + place.row + place.of_row + row] = sums.of[i][j][n];
        }
      }
    }
  }
}

// --- weights with codes ---

// What a thread brings: codes of the token of its number, and half a row's.
struct CodeTurn {
  FourWords codes[2];
  FourWords weights;
  float scale, total;
  BlockScales of; // only threads below kCoreRows
};

template <typename Format>
CARD CodeTurn fetch_codes(const MatmulArgs &args, const CorePlace &place, int64_t block) {
  static_assert(kThreads == kCoreCodeTokens && kThreads == 2 * kCoreRows, "a thread brings one token and half a row");
  CodeTurn turn = {};
  const int thread = thread_of_block();
  const int64_t blocks = args.inner / 32, token = place.token + thread, row = place.row + thread / 2;
  if (token < args.tokens) {
    const int64_t at = token * blocks + block;
    const FourWords *codes = reinterpret_cast<const FourWords *>(args.codes + at * 32);
    turn.codes[0] = codes[0];
    turn.codes[1] = codes[1];
    turn.scale = args.scales[at];
    if (Format::kHasMinimum) turn.total = args.sums[at];
  }
  if (row < args.outer) {
    const uint8_t *weights = args.weight + row * args.row_bytes;
    const int word = thread % 2 * 4;
    turn.weights = {Format::codes(weights, block, word), Format::codes(weights, block, word + 1),
                    Format::codes(weights, block, word + 2), Format::codes(weights, block, word + 3)};
  }
  if (thread < kCoreRows && place.row + thread < args.outer) {
    turn.of = Format::scales(args.weight + (place.row + thread) * args.row_bytes, block);
  }
  return turn;
}

// One of the two turns in shared memory.
struct CodeTiles {
  uint32_t *tokens, *rows;
  float *scales, *totals, *low, *high, *minima;

  static CARD CodeTiles of_turn(int64_t turn) {
    CodeTiles tiles;
    tiles.tokens = reinterpret_cast<uint32_t *>(shared_memory()) + turn % 2 * kCoreCodeWords;
    tiles.rows = tiles.tokens + kCoreCodeTokens * kCoreCodePitch;
    tiles.scales = reinterpret_cast<float *>(tiles.rows + kCoreRows * kCoreCodePitch);
    tiles.totals = tiles.scales + kCoreCodeTokens;
    tiles.low = tiles.totals + kCoreCodeTokens;
    tiles.high = tiles.low + kCoreRows;
    tiles.minima = tiles.high + kCoreRows;
    return tiles;
  }

  CARD void put(const CodeTurn &turn) const {
    const int thread = thread_of_block();
    FourWords *codes = reinterpret_cast<FourWords *>(tokens + thread * kCoreCodePitch);
    codes[0] = turn.codes[0];
    codes[1] = turn.codes[1];
    *reinterpret_cast<FourWords *>(rows + thread / 2 * kCoreCodePitch + thread % 2 * 4) = turn.weights;
    scales[thread] = turn.scale;
    totals[thread] = turn.total;
    if (thread < kCoreRows) {
      low[thread] = turn.of.low;
      high[thread] = turn.of.high;
      minima[thread] = turn.of.minimum;
    }
  }
};

template <typename Format, int TOKENS>
CARD void multiply_codes(const CorePlace &place, const CodeTiles &tiles, CoreSums<TOKENS> &sums) {
  uint32_t b[4][2];
#pragma unroll
  for (int j = 0; j < 4; j++) {
    load_columns_of_warp(tiles.rows + (place.of_row + 8 * j) * kCoreCodePitch, kCoreCodePitch, b[j]);
  }
#pragma unroll
  for (int i = 0; i < TOKENS; i++) {
    if (16 * i >= place.tokens) break;
    const int first = place.of_token + 16 * i, token = first + place.lane_row;
    uint32_t a[4];
    load_rows_of_warp(tiles.tokens + first * kCoreCodePitch, kCoreCodePitch, a);
    const float scale[2] = {tiles.scales[token], tiles.scales[token + 8]};
    const float total[2] = {tiles.totals[token], tiles.totals[token + 8]};
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (8 * j >= place.rows) break;
      int whole[4] = {}, second[4] = {};
      if (Format::kTwoScales) {
        multiply_s8_half(whole, a[0], a[1], b[j][0]);
        multiply_s8_half(second, a[2], a[3], b[j][1]);
      } else {
        multiply_s8(whole, a, b[j]);
      }
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const int row = place.of_row + 8 * j + place.lane_two + n % 2;
        const BlockScales of = {tiles.low[row], tiles.high[row], tiles.minima[row]};
        float &sum = sums.of[i][j][n];
        sum = with_block<Format>(sum, scale[n / 2], total[n / 2], of, whole[n], second[n]);
      }
    }
  }
}

template <typename Format>
CARD void matmul_cores_codes(const MatmulArgs &args) {
  constexpr int kTiles = kCoreCodeTokens / 32;
  const CorePlace place = core_place(kCoreCodeTokens, args.tokens, args.outer);
  const int64_t blocks = args.inner / 32;
  CoreSums<kTiles> sums = {};
  CodeTiles::of_turn(0).put(fetch_codes<Format>(args, place, 0));
  for (int64_t block = 0; block < blocks; block++) {
    block_barrier();
    CodeTurn next = {};
    if (block + 1 < blocks) next = fetch_codes<Format>(args, place, block + 1);
    multiply_codes<Format>(place, CodeTiles::of_turn(block), sums);
    // whoever still reads the other turn has not passed this barrier
    if (block + 1 < blocks) CodeTiles::of_turn(block + 1).put(next);
  }
  write_cores(place, sums, args.outer, args.out);
}

// --- weights of 16 bits ---

// What a thread brings of 32 elements: twice eight of each piece and of the weight.
template <int PIECES>
struct HalfTurn {
  FourWords pieces[PIECES][2];
  FourWords weights[2];
  float scale; // only threads below kCoreHalfTokens
};

template <int PIECES>
CARD HalfTurn<PIECES> fetch_halves(const SplitMatmulArgs &args, const CorePlace &place, int64_t block) {
  HalfTurn<PIECES> turn = {};
  const int thread = thread_of_block();
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int number = thread + i * kThreads;
    const int64_t token = place.token + number / 4, row = place.row + number / 4, at = block * 32 + number % 4 * 8;
    if (token < args.tokens) {
#pragma unroll
      for (int piece = 0; piece < PIECES; piece++) {
        turn.pieces[piece][i] =
            *reinterpret_cast<const FourWords *>(args.pieces + (piece * args.tokens + token) * args.padded + at);
      }
    }
    if (row < args.outer) turn.weights[i] = eight_halves(args.weight + row * args.row_bytes, at, args.inner);
  }
  if (args.scales != nullptr && thread < kCoreHalfTokens && place.token + thread < args.tokens) {
    turn.scale = args.scales[(place.token + thread) * (args.padded / 32) + block];
  }
  return turn;
}

// One of the two turns in shared memory.
template <int PIECES>
struct HalfTiles {
  uint32_t *tokens; // (pieces, tokens, pitch)
  uint32_t *rows;
  float *scales;

  static CARD HalfTiles of_turn(int64_t turn) {
    HalfTiles tiles;
    tiles.tokens = reinterpret_cast<uint32_t *>(shared_memory()) + turn % 2 * kCoreHalfWords<PIECES>;
    tiles.rows = tiles.tokens + PIECES * kCoreHalfTokens * kCoreHalfPitch;
    tiles.scales = reinterpret_cast<float *>(tiles.rows + kCoreRows * kCoreHalfPitch);
    return tiles;
  }

  CARD void put(const HalfTurn<PIECES> &turn) const {
    static_assert(kThreads == 2 * kCoreHalfTokens && kThreads == 2 * kCoreRows, "a thread brings half a row");
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int number = thread_of_block() + i * kThreads, at = number / 4 * kCoreHalfPitch + number % 4 * 4;
#pragma unroll
      for (int piece = 0; piece < PIECES; piece++) {
        uint32_t *of_piece = tokens + piece * kCoreHalfTokens * kCoreHalfPitch;
        *reinterpret_cast<FourWords *>(of_piece + at) = turn.pieces[piece][i];
      }
      *reinterpret_cast<FourWords *>(rows + at) = turn.weights[i];
    }
    if (thread_of_block() < kCoreHalfTokens) scales[thread_of_block()] = turn.scale;
  }
};

// Tensor cores cut where they add. So each sum of theirs begins at zero and is of 32 elements only, and is
// added to those before as float32 numbers are, to nearest.
struct CoresF16 {
  static constexpr int kPieces = kPiecesF16;

  static CARD void add(const uint32_t (&a)[kPieces][2][4], const uint32_t (&b)[2][2], const float (&scale)[2],
                       float (&sums)[4]) {
    float first[4] = {}, second[4] = {};
#pragma unroll
    for (int step = 0; step < 2; step++) {
      multiply_f16(first, a[0][step], b[step]);
      multiply_f16(second, a[1][step], b[step]);
    }
#pragma unroll
    for (int n = 0; n < 4; n++) {
      sums[n] = fmaf(scale[n / 2], fmaf(second[n], 1 / kSecondPiece, first[n]), sums[n]);
    }
  }
};

struct CoresBF16 {
  static constexpr int kPieces = kPiecesBf16;

  static CARD void add(const uint32_t (&a)[kPieces][2][4], const uint32_t (&b)[2][2], const float (&)[2],
                       float (&sums)[4]) {
    float sum[4] = {};
    // the smallest first: least is cut of it
#pragma unroll
    for (int piece = kPieces - 1; piece >= 0; piece--) {
#pragma unroll
      for (int step = 0; step < 2; step++) multiply_bf16(sum, a[piece][step], b[step]);
    }
#pragma unroll
    for (int n = 0; n < 4; n++) sums[n] += sum[n];
  }
};

template <typename Cores, int TOKENS>
CARD void multiply_halves_of(const CorePlace &place, const HalfTiles<Cores::kPieces> &tiles, CoreSums<TOKENS> &sums) {
  uint32_t b[4][2][2];
#pragma unroll
  for (int j = 0; j < 4; j++) {
#pragma unroll
    for (int step = 0; step < 2; step++) {
      load_columns_of_warp(tiles.rows + (place.of_row + 8 * j) * kCoreHalfPitch + 8 * step, kCoreHalfPitch, b[j][step]);
    }
  }
#pragma unroll
  for (int i = 0; i < TOKENS; i++) {
    if (16 * i >= place.tokens) break;
    const int first = place.of_token + 16 * i, token = first + place.lane_row;
    uint32_t a[Cores::kPieces][2][4];
#pragma unroll
    for (int piece = 0; piece < Cores::kPieces; piece++) {
#pragma unroll
      for (int step = 0; step < 2; step++) {
        const int row = piece * kCoreHalfTokens + first;
        load_rows_of_warp(tiles.tokens + row * kCoreHalfPitch + 8 * step, kCoreHalfPitch, a[piece][step]);
      }
    }
    const float scale[2] = {tiles.scales[token], tiles.scales[token + 8]};
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (8 * j >= place.rows) break;
      Cores::add(a, b[j], scale, sums.of[i][j]);
    }
  }
}

template <typename Cores>
CARD void matmul_cores_halves(const SplitMatmulArgs &args) {
  constexpr int kTiles = kCoreHalfTokens / 32, kPieces = Cores::kPieces;
  const CorePlace place = core_place(kCoreHalfTokens, args.tokens, args.outer);
  const int64_t blocks = args.padded / 32;
  CoreSums<kTiles> sums = {};
  HalfTiles<kPieces>::of_turn(0).put(fetch_halves<kPieces>(args, place, 0));
  for (int64_t block = 0; block < blocks; block++) {
    block_barrier();
    HalfTurn<kPieces> next = {};
    if (block + 1 < blocks) next = fetch_halves<kPieces>(args, place, block + 1);
    multiply_halves_of<Cores>(place, HalfTiles<kPieces>::of_turn(block), sums);
    // whoever still reads the other turn has not passed this barrier
    if (block + 1 < blocks) HalfTiles<kPieces>::of_turn(block + 1).put(next);
  }
  write_cores(place, sums, args.outer, args.out);
}

CARD_KERNEL(matmul_cores_f16, SplitMatmulArgs) { matmul_cores_halves<CoresF16>(args); }
CARD_KERNEL(matmul_cores_bf16, SplitMatmulArgs) { matmul_cores_halves<CoresBF16>(args); }
CARD_KERNEL(matmul_cores_q8_0, MatmulArgs) { matmul_cores_codes<Q8_0>(args); }
CARD_KERNEL(matmul_cores_q4_0, MatmulArgs) { matmul_cores_codes<Q4_0>(args); }
CARD_KERNEL(matmul_cores_q5_0, MatmulArgs) { matmul_cores_codes<Q5_0>(args); }
CARD_KERNEL(matmul_cores_q4_k, MatmulArgs) { matmul_cores_codes<Q4_K>(args); }
CARD_KERNEL(matmul_cores_q5_k, MatmulArgs) { matmul_cores_codes<Q5_K>(args); }
CARD_KERNEL(matmul_cores_q6_k, MatmulArgs) { matmul_cores_codes<Q6_K>(args); }

}  // namespace longform::card
