// The products of mma.h by themselves, one by each warp, for the test that compares a card's lanes with the PTX ISA.

namespace longform::card {

template <typename Number, typename Product>
CARD void multiply_fragments(const FragmentArgs &args, Product product) {
  const int64_t lane = block_x() * kThreads + thread_of_block();
  if (lane / kWarp >= args.warps) return;
  const uint32_t a[4] = {args.a[4 * lane], args.a[4 * lane + 1], args.a[4 * lane + 2], args.a[4 * lane + 3]};
  const uint32_t b[2] = {args.b[2 * lane], args.b[2 * lane + 1]};
  Number *at = reinterpret_cast<Number *>(args.c) + 4 * lane;
  Number c[4] = {at[0], at[1], at[2], at[3]};
  product(c, a, b);
#pragma unroll
  for (int i = 0; i < 4; i++) at[i] = c[i];
}

struct MultiplyF16 {
  CARD void operator()(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) const { multiply_f16(c, a, b); }
};
struct MultiplyBF16 {
  CARD void operator()(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) const { multiply_bf16(c, a, b); }
};
struct MultiplyS8 {
  CARD void operator()(int (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) const { multiply_s8(c, a, b); }
};
struct MultiplyS8Half {
  CARD void operator()(int (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) const {
    multiply_s8_half(c, a[0], a[1], b[0]);
  }
};

// What each lane of the first warp gets of a matrix by load_rows_of_warp, load_columns_of_warp and load_below_of_warp.
CARD_KERNEL(mma_loads, LoadsArgs) {
  uint32_t *matrix = reinterpret_cast<uint32_t *>(shared_memory());
  for (int64_t i = thread_of_block(); i < 16 * args.pitch; i += kThreads) matrix[i] = args.matrix[i];
  block_barrier();
  if (thread_of_block() >= kWarp) return;
  const int pitch = static_cast<int>(args.pitch);
  uint32_t a[4], b[2], below[2];
  load_rows_of_warp(matrix, pitch, a);
  load_columns_of_warp(matrix, pitch, b);
  load_below_of_warp(matrix, pitch, below);
  uint32_t *to = args.loaded + 8 * thread_of_block();
#pragma unroll
  for (int i = 0; i < 4; i++) to[i] = a[i];
#pragma unroll
  for (int i = 0; i < 2; i++) {
    to[4 + i] = b[i];
    to[6 + i] = below[i];
  }
}

CARD_KERNEL(mma_f16, FragmentArgs) { multiply_fragments<float>(args, MultiplyF16()); }
CARD_KERNEL(mma_bf16, FragmentArgs) { multiply_fragments<float>(args, MultiplyBF16()); }
CARD_KERNEL(mma_s8, FragmentArgs) { multiply_fragments<int>(args, MultiplyS8()); }
CARD_KERNEL(mma_s8_half, FragmentArgs) { multiply_fragments<int>(args, MultiplyS8Half()); }

}  // namespace longform::card
