// Float32 activations as sums of numbers of 16 bits, which tensor cores multiply with weights of 16 bits: two of
// float16 or three of bfloat16. A library knows no scales of blocks: for it a row of activations has one.

namespace longform::card {

struct SplitPlace {
  int64_t token, block, at;
  float x;
};

// One warp for each block of 32 activations of a token.
CARD SplitPlace split_place(const SplitArgs &args) {
  const int64_t number = block_x() * (kThreads / kWarp) + thread_of_block() / kWarp, blocks = args.padded / 32;
  SplitPlace place;
  place.token = number / blocks;
  place.block = number % blocks;
  const int64_t at = place.block * 32 + thread_of_block() % kWarp;
  place.at = place.token * args.padded + at;
  place.x = place.token < args.tokens && at < args.inner ? args.x[place.token * args.inner + at] : 0;
  return place;
}

// x = scale times two halves, where scale is a power of two of the block.
CARD_KERNEL(card_split_f16, SplitArgs) {
  const SplitPlace place = split_place(args);
  const float largest = warp_max(fabsf(place.x));
  // NaN and infinity times zero are NaN
  const float spoil = warp_sum(place.x * 0.f);
  if (place.token >= args.tokens) return;
  const HalfScale scale = half_scale(largest);
  const TwoHalves halves = two_halves(spoil == 0 ? place.x * scale.to : 0);
  args.pieces[place.at] = halves.first;
  args.pieces[args.tokens * args.padded + place.at] = halves.second;
  if (thread_of_block() % kWarp == 0) {
    args.scales[place.token * (args.padded / 32) + place.block] =
        spoil == 0 ? scale.back : spoil;
  }
}

// x = first + second + third, exactly: eight bits of it each.
CARD_KERNEL(card_split_bf16, SplitArgs) {
  const SplitPlace place = split_place(args);
  if (place.token >= args.tokens) return;
  float rest = place.x;
#pragma unroll
  for (int piece = 0; piece < kPiecesBf16; piece++) {
    const uint32_t bits = float_to_bits(rest);
    args.pieces[piece * args.tokens * args.padded + place.at] = static_cast<uint16_t>(bits >> 16);
    rest -= bits_to_float(bits & 0xffff0000u);
  }
}

// x = scale times two halves, where scale is a power of two of the whole row. One block for each token.
CARD_KERNEL(card_split_rows_f16, SplitArgs) {
  const int64_t token = block_x();
  const float *x = args.x + token * args.inner;
  float largest = 0;
  bool spoilt = false;
  for (int64_t i = thread_of_block(); i < args.inner; i += kThreads) {
    largest = fmaxf(largest, fabsf(x[i]));
    // NaN and infinity times zero are NaN
    spoilt = spoilt || x[i] * 0.f != 0;
  }
  float *of_warps = reinterpret_cast<float *>(shared_memory());
  largest = warp_max(largest);
  if (thread_of_block() % kWarp == 0) of_warps[thread_of_block() / kWarp] = largest;
  // the barrier for of_warps, too
  const bool none = block_any(spoilt);
  const HalfScale scale = half_scale(fmaxf(fmaxf(of_warps[0], of_warps[1]), fmaxf(of_warps[2], of_warps[3])));
  uint16_t *first = args.pieces + token * args.padded, *second = first + args.tokens * args.padded;
  for (int64_t i = thread_of_block(); i < args.inner; i += kThreads) {
    const TwoHalves halves = two_halves(none ? 0 : x[i] * scale.to);
    first[i] = halves.first;
    second[i] = halves.second;
  }
  if (thread_of_block() == 0) args.scales[token] = none ? NAN : scale.back;
}

// Blocks: (tokens, kThreads of a row).
CARD_KERNEL(card_join, JoinArgs) {
  const int64_t token = block_x(), i = block_y() * kThreads + thread_of_block();
  if (i >= args.width) return;
  const float per_piece = args.scales == nullptr ? 1 : 1 / kSecondPiece;
  const float *sums = args.sums + token * args.width + i;
  float sum = 0;
  // the smallest first
  for (int64_t piece = args.pieces - 1; piece >= 0; piece--) {
    sum = fmaf(sum, per_piece, sums[piece * args.tokens * args.width]);
  }
  args.out[token * args.stride + i] = args.scales == nullptr ? sum : sum * args.scales[token];
}

}  // namespace longform::card
