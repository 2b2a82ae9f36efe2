// Sketches of pages (sketch.h), made where the pages lie: one block for each page and key head.

namespace longform::card {

// Least float16 that is not below x >= 0; infinite if there is none, or x is NaN.
CARD uint16_t half_not_below(float x) {
  if (!(x <= 65504)) return 0x7c00;
  const uint16_t half = kv::to_finite_half(x);
  return static_cast<uint16_t>(half_to_float(half) < x ? half + 1 : half);
}

// What a block keeps in shared memory.
struct SketchMemory {
  float *norms;    // (64) of keys
  float *mean;     // (mean dims)
  float *largest;  // (4 warps, 2) radius and norm of codes
  uint32_t *codes; // (64, pitch) one a byte
  int pitch;

  static CARD SketchMemory of_block(const SketchLayout &layout) {
    SketchMemory memory;
    memory.norms = reinterpret_cast<float *>(shared_memory());
    memory.mean = memory.norms + kSketchRows;
    memory.largest = memory.mean + layout.mean_dims;
    memory.codes = reinterpret_cast<uint32_t *>(memory.largest + 2 * (kThreads / kWarp));
    memory.pitch = static_cast<int>(layout.quads) + 1;
    return memory;
  }
};

// Codes, scale and slack of a key, by a warp.
CARD void sketch_row(const SketchArgs &args, const SketchLayout &layout, const SketchMemory &memory, int row,
                     const char *key, float mean_norm, char *out, float *radius, float *codes_norm) {
  const int64_t dims = args.layout.head_dim;
  const int lane = thread_of_block() % kWarp;
  // any float32 sum over the dims is right up to this factor
  const float grow = 1 + static_cast<float>(dims + 16) * 0x1p-22f;
  // The norms of what takes part in a product, times this, are more than what is lost: by sums of ordinary units 2^-24
  // for each dimension, by tensor cores, which cut, less than 128 * 2^-24, in the sketch itself less than either.
  const float rounding = static_cast<float>(dims + 128) * 0x1p-22f;
  const bool bounded = memory.norms[row] < INFINITY;
  float squares = 0, largest = 0;
  for (int64_t d = lane; d < dims; d += kWarp) {
    const float x = kv_element(args.layout.dtype, dims, key, d) - memory.mean[d];
    squares = fmaf(x, x, squares);
    largest = fmaxf(largest, fabsf(x));
  }
  const float distance = sqrtf(warp_sum(squares));
  largest = warp_max(largest);
  const uint16_t half_scale = kv::to_finite_half(bounded ? largest / 7.5f : 0);
  const float scale = half_to_float(half_scale), inverse = scale > 0 ? 1 / scale : 0;
  float left = 0, sizes = 0;
  for (int64_t quad = lane; quad < layout.quads; quad += kWarp) {
    uint32_t codes = 0;
    for (int64_t d = 4 * quad; d < least(4 * quad + 4, dims); d++) {
      const float x = kv_element(args.layout.dtype, dims, key, d) - memory.mean[d];
      // NaN becomes 0
      const float code = fminf(fmaxf(rintf(fmaf(x, inverse, 7.5f)), 0.f), 15.f), centred = code - 7.5f;
      const float rest = fmaf(-scale, centred, x);
      left = fmaf(rest, rest, left);
      sizes = fmaf(centred, centred, sizes);
      codes |= static_cast<uint32_t>(code) << (d % 4 * 8);
    }
    memory.codes[row * memory.pitch + quad] = codes;
  }
  left = warp_sum(left);
  const float norm_of_codes = sqrtf(warp_sum(sizes)) * grow;
  const float lost = rounding * (memory.norms[row] + mean_norm + scale * norm_of_codes);
  if (lane == 0) {
    reinterpret_cast<uint16_t *>(out + layout.scale)[row] = half_scale;
    // 1e-18: squares below that were lost
    const float slack = bounded ? (sqrtf(left) + lost) * grow + 1e-18f : INFINITY;
    reinterpret_cast<uint16_t *>(out + layout.slack)[row] = half_not_below(slack);
  }
  const float reach = bounded ? (distance + lost) * grow + 1e-18f : INFINITY;
  // of no number, infinite
  *radius = reach <= *radius ? *radius : fminf(reach, INFINITY);
  *codes_norm = fmaxf(*codes_norm, norm_of_codes);
}

CARD_KERNEL(card_sketch, SketchArgs) {
  const SketchLayout layout(args.layout.head_dim);
  const SketchMemory memory = SketchMemory::of_block(layout);
  const kernels_sketch_page page = args.pages[block_x()];
  const char *keys = page.key + block_y() * args.layout.head_stride;
  char *out = page.sketch + block_y() * layout.bytes;
  const int64_t dims = args.layout.head_dim;
  const int warp = thread_of_block() / kWarp, warps = kThreads / kWarp, lane = thread_of_block() % kWarp;
  for (int row = warp; row < kSketchRows; row += warps) {
    float squares = 0;
    for (int64_t d = lane; d < dims; d += kWarp) {
      const float x = kv_element(args.layout.dtype, dims, keys + row * args.layout.row_bytes, d);
      squares = fmaf(x, x, squares);
    }
    const float norm = sqrtf(warp_sum(squares));
    if (lane == 0) memory.norms[row] = norm;
  }
  block_barrier();
  for (int64_t d = thread_of_block(); d < layout.mean_dims; d += kThreads) {
    float sum = 0, finite = 0;
    for (int row = 0; row < kSketchRows; row++) {
      if (d >= dims || !(memory.norms[row] < INFINITY)) continue;
      sum += kv_element(args.layout.dtype, dims, keys + row * args.layout.row_bytes, d);
      finite += 1;
    }
    const uint16_t half = kv::to_finite_half(finite == 0 ? 0 : sum / finite);
    reinterpret_cast<uint16_t *>(out + layout.mean)[d] = half;
    memory.mean[d] = half_to_float(half);
  }
  block_barrier();
  float squares = 0;
  for (int64_t d = lane; d < dims; d += kWarp) squares = fmaf(memory.mean[d], memory.mean[d], squares);
  const float mean_norm = sqrtf(warp_sum(squares));
  float radius = 0, codes_norm = 0;
  for (int row = warp; row < kSketchRows; row += warps) {
    sketch_row(args, layout, memory, row, keys + row * args.layout.row_bytes, mean_norm, out, &radius, &codes_norm);
  }
  if (lane == 0) {
    memory.largest[2 * warp] = radius;
    memory.largest[2 * warp + 1] = codes_norm;
  }
  block_barrier();
  uint32_t *packed = reinterpret_cast<uint32_t *>(out);
  for (int64_t i = thread_of_block(); i < layout.quads * kWarp; i += kThreads) {
    const int64_t quad = i / kWarp, row = i % kWarp / 16 * 32 + i % 16;
    packed[i] = memory.codes[row * memory.pitch + quad] | memory.codes[(row + 16) * memory.pitch + quad] << 4;
  }
  if (thread_of_block() == 0) {
    SketchHeader header = {0, 0};
    for (int i = 0; i < warps; i++) {
      header.radius = fmaxf(header.radius, memory.largest[2 * i]);
      header.codes_norm = fmaxf(header.codes_norm, memory.largest[2 * i + 1]);
    }
    *reinterpret_cast<SketchHeader *>(out + layout.header) = header;
  }
}

}  // namespace longform::card
