// Tiles of 64 keys in shared memory as tensor cores read them, two turns: while one is multiplied the next one is on
// its way. Keys are float16 numbers there: as they were stored, or bytes without their scales.

namespace longform::card {

// One of the two turns in shared memory. Rows of keys begin in banks four apart.
template <int DIM>
struct KeyTurn {
  static constexpr int kPitch = DIM / 2 + 4; // words

  const char **places; // (64) of the keys, or NULL beyond the last; there one tile before the others
  uint32_t *keys;      // (64, pitch)
  float *scales;       // (DIM / 32, 64), only of bytes
  float *norms;        // (64)
  int *largest;        // (4) for each warp: what it brought has no larger number without its sign, or is none

  static CARD KeyTurn of_tile(int tile) {
    uint32_t *words = reinterpret_cast<uint32_t *>(shared_memory()) + tile % 2 * kKeyTurnWords<DIM>;
    KeyTurn turn;
    turn.places = reinterpret_cast<const char **>(words);
    turn.keys = words + 2 * kCoreKeys;
    turn.scales = reinterpret_cast<float *>(turn.keys + kCoreKeys * kPitch);
    turn.norms = turn.scales + DIM / 32 * kCoreKeys;
    turn.largest = reinterpret_cast<int *>(turn.norms + kCoreKeys);
    return turn;
  }

  CARD void put_place(const char *place) const {
    if (thread_of_block() < kCoreKeys) places[thread_of_block()] = place;
  }
  CARD void put_norm(float norm) const {
    if (thread_of_block() < kCoreKeys) norms[thread_of_block()] = norm;
  }

  // Of float16 numbers without their signs the larger one has the larger bits, and what is no number the largest.
  CARD void put_largest(int bits) const {
    bits = warp_max(bits);
    if (thread_of_block() % kWarp == 0) largest[thread_of_block() / kWarp] = bits;
  }
  // No key of the tile has a larger number without its sign; what is none is larger than all.
  CARD float largest_number() const {
    int bits = 0;
#pragma unroll
    for (int i = 0; i < kThreads / kWarp; i++) bits = largest[i] > bits ? largest[i] : bits;
    return half_to_float(static_cast<uint16_t>(bits));
  }
};

// What a thread brings of a tile: of each of some keys the same eight dimensions.
template <int DIM>
struct KeyItems {
  static constexpr int kCount = kCoreKeys * (DIM / 8) / kThreads;

  static CARD int key(int i) { return thread_of_block() / (DIM / 8) + i * (kThreads * 8 / DIM); }
  static CARD int dimension() { return thread_of_block() % (DIM / 8) * 8; }

  // Whether one load after the other brings them, none depending on what the address of another one is.
  static CARD bool straight(const KeyTurn<DIM> &turn, int64_t head_dim, uintptr_t alignment) {
    bool aligned = true;
#pragma unroll
    for (int i = 0; i < kCount; i++) {
      aligned = aligned && reinterpret_cast<uintptr_t>(turn.places[key(i)]) % alignment == 0;
    }
    return dimension() >= head_dim || (dimension() + 8 <= head_dim && aligned);
  }

  static CARD void put(const KeyTurn<DIM> &turn, int i, const FourWords &eight) {
    *reinterpret_cast<FourWords *>(turn.keys + key(i) * KeyTurn<DIM>::kPitch + dimension() / 2) = eight;
  }
};

template <int DIM>
struct HalfKeys {
  using Items = KeyItems<DIM>;
  static constexpr int64_t kDtype = KERNELS_KV_F16;
  // what KeyTurn's largest number is times this
  static constexpr float kLargest = 1;

  FourWords eights[Items::kCount];

  CARD void fetch(const KeyTurn<DIM> &turn, int64_t head_dim) {
    const int d = Items::dimension();
    const bool straight = Items::straight(turn, head_dim, 16);
#pragma unroll
    for (int i = 0; i < Items::kCount; i++) eights[i] = {};
    if (straight) {
#pragma unroll
      for (int i = 0; i < Items::kCount; i++) {
        const char *key = turn.places[Items::key(i)];
        if (key != nullptr && d < head_dim) eights[i] = *reinterpret_cast<const FourWords *>(key + 2 * d);
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < Items::kCount; i++) {
      const uint8_t *key = reinterpret_cast<const uint8_t *>(turn.places[Items::key(i)]);
      if (key != nullptr) eights[i] = eight_halves(key, d, head_dim);
    }
  }

  CARD void put(const KeyTurn<DIM> &turn) const {
    uint32_t largest = 0;
#pragma unroll
    for (int i = 0; i < Items::kCount; i++) {
      const FourWords eight = eights[i];
      Items::put(turn, i, eight);
      largest = larger_halves(largest, larger_halves(larger_halves(eight.x, eight.y), larger_halves(eight.z, eight.w)));
    }
    turn.put_largest(static_cast<int>(larger_halves(largest, largest >> 16) & 0xffff));
  }

  // The sum of a key's dimensions so far, and of 32 more.
  static CARD float with(float sum, float part, const KeyTurn<DIM> &, int, int) { return sum + part; }
};

template <int DIM>
struct ByteKeys {
  using Items = KeyItems<DIM>;
  static constexpr int64_t kDtype = KERNELS_KV_Q8;
  static constexpr int kScales = kCoreKeys * (DIM / 32) / kThreads;
  // of numbers in units of their scales
  static constexpr float kLargest = 128;

  uint32_t bytes[Items::kCount][2];
  uint16_t scales[kScales];

  CARD void fetch(const KeyTurn<DIM> &turn, int64_t head_dim) {
    const int d = Items::dimension();
    const bool straight = Items::straight(turn, head_dim, 4);
#pragma unroll
    for (int i = 0; i < Items::kCount; i++) bytes[i][0] = bytes[i][1] = 0;
    if (straight) {
#pragma unroll
      for (int i = 0; i < Items::kCount; i++) {
        const char *key = turn.places[Items::key(i)];
        if (key == nullptr || d >= head_dim) continue;
        bytes[i][0] = reinterpret_cast<const uint32_t *>(key + d)[0];
        bytes[i][1] = reinterpret_cast<const uint32_t *>(key + d)[1];
      }
    } else {
#pragma unroll
      for (int i = 0; i < Items::kCount; i++) {
        const uint8_t *key = reinterpret_cast<const uint8_t *>(turn.places[Items::key(i)]);
#pragma unroll
        for (int j = 0; j < 8; j++) {
          if (key == nullptr || d + j >= head_dim) continue;
          bytes[i][j / 4] |= static_cast<uint32_t>(key[d + j]) << (j % 4 * 8);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kScales; i++) {
      const int item = thread_of_block() + i * kThreads, block = item / kCoreKeys;
      const uint8_t *key = reinterpret_cast<const uint8_t *>(turn.places[item % kCoreKeys]);
      scales[i] = 0;
      if (key != nullptr && 32 * block < head_dim) {
        // no address in a row of odd length is sure to be even
        const uint8_t *scale = key + head_dim + 2 * block;
        scales[i] = static_cast<uint16_t>(scale[0] | scale[1] << 8);
      }
    }
  }

  CARD void put(const KeyTurn<DIM> &turn) const {
#pragma unroll
    for (int i = 0; i < Items::kCount; i++) {
      uint32_t low[2], high[2];
      halves_of_bytes(bytes[i][0], low);
      halves_of_bytes(bytes[i][1], high);
      Items::put(turn, i, {low[0], low[1], high[0], high[1]});
    }
    int largest = 0;
#pragma unroll
    for (int i = 0; i < kScales; i++) {
      turn.scales[thread_of_block() + i * kThreads] = half_to_float(scales[i]);
      largest = largest > (scales[i] & 0x7fff) ? largest : scales[i] & 0x7fff;
    }
    turn.put_largest(largest);
  }

  static CARD float with(float sum, float part, const KeyTurn<DIM> &turn, int block, int key) {
    return fmaf(part, turn.scales[block * kCoreKeys + key], sum);
  }
};

// Tiles of this block's share of the candidates, and what is told of this thread's key of each.
template <typename Candidates>
struct KeyShare {
  Candidates candidates;
  int begin, end;

  static CARD KeyShare of_block(const TopKeysArgs &args) {
    const Candidates candidates = {args};
    const int64_t all = (candidates.items() + kCoreKeys - 1) / kCoreKeys;
    return {candidates, static_cast<int>(all * block_z() / args.splits),
            static_cast<int>(all * (block_z() + 1) / args.splits)};
  }

  // NULL beyond the last key.
  CARD const char *place(const TopKeysArgs &args, int tile) const {
    if (tile >= end || thread_of_block() >= kCoreKeys) return nullptr;
    const char *key = candidates.key(static_cast<int64_t>(tile) * kCoreKeys + thread_of_block());
    return key == nullptr ? nullptr : key + block_y() * args.layout.head_stride;
  }
  // No number beyond the last key.
  CARD float norm(int tile) const {
    const int64_t at = static_cast<int64_t>(tile) * kCoreKeys + thread_of_block();
    return thread_of_block() < kCoreKeys ? candidates.norm(at) : NAN;
  }
};

}  // namespace longform::card
