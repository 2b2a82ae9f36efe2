// Activations as int8: blocks of 32 with a float32 scale, largest magnitude / 127. A block with a NaN
// or an infinity has NaN as its scale, which every product of its row then becomes.

namespace longform {
namespace LONGFORM_ISA {

// Activations below this count as zero: 127 / them would be infinite.
constexpr float kLeast = 1e-36f;

struct QuantisedBlock {
  float scale;
  float sum;        // scale * (sum of codes)
  int32_t sums[2];  // see dots::round32
};

inline QuantisedBlock quantise(const float *x, int8_t *codes) {
  simd::f32 largest = simd::zero(), spoiled = largest;
  for (int i = 0; i < 32; i += simd::W) {
    const simd::f32 v = simd::load(x + i);
    largest = simd::max(largest, simd::max(v, simd::sub(simd::zero(), v)));
    // NaN and infinity times zero are NaN
    spoiled = simd::fma(v, simd::zero(), spoiled);
  }
  const float spoil = simd::sum(spoiled);
  const float magnitude = spoil == 0 ? simd::largest(largest) : 0;
  const bool sound = magnitude >= kLeast;
  QuantisedBlock block;
  block.scale = sound ? magnitude / 127 : spoil;
  dots::round32(x, sound ? 127 / magnitude : 0, codes, block.sums);
  const uint32_t both = static_cast<uint32_t>(block.sums[0]);
  block.sum = block.scale * static_cast<float>(static_cast<int16_t>(both & 0xffff) + static_cast<int16_t>(both >> 16));
  return block;
}

}  // namespace LONGFORM_ISA
}  // namespace longform
