// Operations on each row or element by itself.

namespace longform::card {

CARD int64_t element_of_grid() { return block_x() * kThreads + thread_of_block(); }

// The sum over the block, the same bits in every thread; uses four doubles of shared memory.
CARD double block_sum(double value) {
  double *sums = reinterpret_cast<double *>(shared_memory());
  const double mine = warp_sum(value);
  if (thread_of_block() % kWarp == 0) sums[thread_of_block() / kWarp] = mine;
  block_barrier();
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

CARD_KERNEL(card_add, AddArgs) {
  const int64_t i = element_of_grid();
  if (i < args.elements) args.x[i] += args.y[i % args.width];
}

// One block for each row.
CARD_KERNEL(card_rms_norm, RmsNormArgs) {
  const float *x = args.x + block_x() * args.inner;
  float *out = args.out + block_x() * args.inner;
  double squares = 0;
  for (int64_t i = thread_of_block(); i < args.inner; i += kThreads) {
    squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  const double mean = block_sum(squares) / static_cast<double>(args.inner);
  const float inverse = static_cast<float>(1 / sqrt(mean + args.epsilon));
  for (int64_t i = thread_of_block(); i < args.inner; i += kThreads) out[i] = x[i] * inverse * args.gain[i];
}

// One block for each row.
CARD_KERNEL(card_center, CenterArgs) {
  const float *x = args.x + block_x() * args.inner;
  float *out = args.out + block_x() * args.inner;
  double sum = 0;
  for (int64_t i = thread_of_block(); i < args.inner; i += kThreads) sum += static_cast<double>(x[i]);
  const double mean = block_sum(sum) / static_cast<double>(args.inner);
  for (int64_t i = thread_of_block(); i < args.inner; i += kThreads) {
    out[i] = static_cast<float>(static_cast<double>(x[i]) - mean);
  }
}

CARD_KERNEL(card_multiply, MultiplyArgs) {
  const int64_t i = element_of_grid();
  if (i < args.elements) args.x[i] *= args.y[i];
}

CARD float mapped(int32_t function, float p, float x) {
  switch (function) {
    case KERNELS_SILU: return x / (1 + expf(-x));
    // erfc keeps what 1 + erf loses where x is far below zero
    case KERNELS_GELU: return x * (erfcf(x * -0.70710678f) / 2);
    case KERNELS_GELU_TANH: {
      // (1 + tanh z) / 2 is 1 / (1 + exp(-2 z))
      const float z = 0.79788456f * (x + 0.044715f * x * x * x);
      return x / (1 + expf(-2 * z));
    }
    case KERNELS_SCALE: return p * x;
    case KERNELS_SOFT_CAP: return p * tanhf(x / p);
    default: return x < -p ? -p : x > p ? p : x;
  }
}

CARD_KERNEL(card_map, MapArgs) {
  const int64_t i = element_of_grid();
  if (i < args.elements) args.x[i] = mapped(args.function, args.parameter, args.x[i]);
}

CARD_KERNEL(card_swi_glu, SwiGluArgs) {
  const int64_t i = element_of_grid();
  if (i >= args.elements) return;
  const float z = args.gate[i];
  args.gate[i] = z / (1 + expf(-z)) * args.up[i];
}

// One block for each token.
CARD_KERNEL(card_gather, GatherArgs) {
  const uint8_t *row = args.table + args.ids[block_x()] * args.row_bytes;
  float *out = args.out + block_x() * args.inner;
  for (int64_t i = thread_of_block(); i < args.inner; i += kThreads) out[i] = element_of(args.dtype, row, i);
}

}  // namespace longform::card
