// Sizes that the host's code shares with kernels.
#pragma once

#include "arguments.h"

namespace longform::card {

constexpr int kThreads = 128;
constexpr int kWarp = 32;

// of matmul_many_*: 64 tokens by 64 rows
constexpr int kTileRows = 64;
constexpr int kTileDepth = 16;
// words of a row of codes, so that rows do not all begin in the same bank
constexpr int kCodePitch = 9;
constexpr int64_t kFloatTileBytes = 2 * kTileDepth * (kTileRows + 1) * 4;
constexpr int64_t kCodeTileBytes = (2 * kTileRows * kCodePitch + 5 * kTileRows) * 4;

// of matmul_cores_*: a block has so many tokens, and so many rows of the weight, in two turns of 32 elements
constexpr int kCoreRows = 64;
constexpr int kCoreCodeTokens = 128;
constexpr int kCoreHalfTokens = 64;
// words of a row in shared memory: four words of each of eight rows are in 32 banks
constexpr int kCoreCodePitch = 12;
constexpr int kCoreHalfPitch = 20;
constexpr int kCoreCodeWords = (kCoreCodeTokens + kCoreRows) * kCoreCodePitch + 2 * kCoreCodeTokens + 3 * kCoreRows;
constexpr int64_t kCoreCodeBytes = 2 * 4 * kCoreCodeWords;
// float32 activations as sums of so many numbers of 16 bits
constexpr int kPiecesF16 = 2;
constexpr int kPiecesBf16 = 3;
template <int PIECES>
constexpr int kCoreHalfWords = (PIECES * kCoreHalfTokens + kCoreRows) * kCoreHalfPitch + kCoreHalfTokens;
template <int PIECES>
constexpr int64_t kCoreHalfBytes = 2 * 4 * kCoreHalfWords<PIECES>;

// The library is asked from so many tokens on: matmul_cores_* reads a weight once for up to 64, and once more for each
// further 64, where the library has larger tiles.
constexpr int64_t kLeastLibraryTokens = 64;
// What it multiplies at once: as many tokens as have pieces of so many bytes, with as many rows of a weight as make
// sums of so many. Both are scratch of one operation, for which there may be no more than 128 MB.
constexpr int64_t kLibraryBytes = int64_t{32} << 20;

// heads of attend_cores_* and top_keys_cores_*
constexpr int64_t kMostCoreDims = 128;
// of attend_cores_*: with fewer queries for a list of keys ordinary units do it
constexpr int64_t kLeastCoreQueries = 16;
// rows of queries of a block
constexpr int kCoreQueries = 64;

// rows of queries of attend_few_*
constexpr int64_t kMostFewAttendRows = 8;
// so many blocks at once have room on a multiprocessor
constexpr int few_attend_blocks(int64_t rows, int64_t size) {
  if (size <= 64) return 4;
  return size <= 128 && rows <= 4 ? 3 : 2;
}
// what each warp has found: values, the largest logit, and the sum of exponentials
constexpr int64_t bytes_of_few_attend(int64_t rows, int64_t size) { return kThreads / kWarp * rows * (size + 2) * 4; }

// of top_keys_cores_*: keys of a tile, and rows of queries of a block with few or many of them; with few all warps have the
// same, of which a warp has so many times 16
constexpr int kCoreKeys = 64;
constexpr int kFewCoreRows = 16;
constexpr int kFewCoreTiles = kFewCoreRows / 16;
constexpr int kManyCoreRows = 128;
constexpr int kManyCoreTiles = kManyCoreRows / 16 / (kThreads / kWarp);
// words of KeyTurn<SIZE>, of which there are two: places, keys, scales, norms, and one for each warp
template <int SIZE>
constexpr int kKeyTurnWords = kCoreKeys * (2 + SIZE / 2 + 4 + SIZE / 32 + 1) + 4;
template <int SIZE>
constexpr int64_t kKeyTurnBytes = 2 * 4 * kKeyTurnWords<SIZE>;
// those, and what each thread has of the second pieces of its warp's rows, TILES times 16
template <int SIZE, int TILES>
constexpr int64_t kCoreSearchBytes = kKeyTurnBytes<SIZE> + kThreads * TILES * SIZE / 4 * 4;
// so many blocks at once have room on a multiprocessor
template <int SIZE, int TILES>
constexpr int kCoreBlocks = (SIZE <= 64 ? 4 : 3) - (TILES - 1);

// of sketched_keys.inl: rows of a half page, which is what is scored or not; shares of the sketches for each
// multiprocessor, some warps of which wait for memory while others count
constexpr int64_t kHalfRows = KERNELS_SKETCH_ROWS / 2;
constexpr int64_t kSketchShares = 16;
// peaks are scored by so many blocks for each key head
constexpr int64_t kPeakShares = 16;
// of so many half pages at most one is a peak of a row
constexpr int64_t kHalvesOfPeak = 64;
static_assert(kHalfRows == kTileKeys, "a tile of ordinary units is a half page");
static_assert(2 * kHalfRows == kCoreKeys, "a tile of tensor cores is two of them");

// of card_near: rows of a block
constexpr int64_t kNearRows = 4;

constexpr int64_t kHeadSizes[] = {32, 64, 96, 128, 256};
constexpr int64_t kHeadSizeCount = 5;

// Of CoreTiles<size>.
constexpr int64_t bytes_of_core_tiles(int64_t size) {
  return kTileKeys * static_cast<int64_t>(sizeof(ListRow)) + 2 * (kCoreQueries + 2 * kTileKeys) * (size / 2 + 4) * 4;
}

// Of Tiles<size>.
constexpr int64_t bytes_of_tiles(int64_t size) {
  return kTileKeys * static_cast<int64_t>(sizeof(ListRow)) +
         ((kTileQueries + kTileKeys) * (size + 4) + kTileQueries * (kTileKeys + 1) + kTileQueries) * 4;
}

// what every kernel may have is what the largest of these has
static_assert(kCoreSearchBytes<128, kManyCoreTiles> <= bytes_of_tiles(256), "more than the driver is asked for");
static_assert(bytes_of_core_tiles(128) <= bytes_of_tiles(256), "more than the driver is asked for");
static_assert(bytes_of_few_attend(kMostFewAttendRows, 256) <= bytes_of_tiles(256), "more than the driver is asked for");

}  // namespace longform::card
