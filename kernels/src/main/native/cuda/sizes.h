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

constexpr int64_t kHeadSizes[] = {32, 64, 96, 128, 256};
constexpr int64_t kHeadSizeCount = 5;

// Of Tiles<size>.
constexpr int64_t bytes_of_tiles(int64_t size) {
  return kTileKeys * static_cast<int64_t>(sizeof(ListRow)) +
         ((kTileQueries + kTileKeys) * (size + 4) + kTileQueries * (kTileKeys + 1) + kTileQueries) * 4;
}

}  // namespace longform::card
