// Stored weights. Formats are those of cpu/blocks_formats.inl, which says how they lie; here four codes at
// a time as the bytes of a word. Rows begin at even addresses.

namespace longform::card {

CARD uint32_t word_at(const uint8_t *p) {
  const uint16_t *halves = reinterpret_cast<const uint16_t *>(p);
  return halves[0] | static_cast<uint32_t>(halves[1]) << 16;
}
CARD float half_at(const uint8_t *p) { return half_to_float(*reinterpret_cast<const uint16_t *>(p)); }

// Each byte, which is less than 128, minus `offset`.
CARD uint32_t less(uint32_t bytes, uint32_t offset) {
  return ((bytes | 0x80808080u) - offset * 0x01010101u) ^ 0x80808080u;
}

// A block of 32 codes: an element is scale[half of the block] * code - minimum.
struct BlockScales {
  float low, high, minimum;
};

// What a format does not need is left out of its products.
struct OneScale {
  static constexpr bool kTwoScales = false, kHasMinimum = false;
};
struct OneScaleAndMinimum {
  static constexpr bool kTwoScales = false, kHasMinimum = true;
};
struct TwoScales {
  static constexpr bool kTwoScales = true, kHasMinimum = false;
};

struct Q8_0 : OneScale {
  static CARD BlockScales scales(const uint8_t *row, int64_t block) {
    const float d = half_at(row + block * 34);
    return {d, d, 0};
  }
  // codes 4 j .. 4 j + 3
  static CARD uint32_t codes(const uint8_t *row, int64_t block, int j) { return word_at(row + block * 34 + 2 + 4 * j); }
};

struct Q4_0 : OneScale {
  static CARD BlockScales scales(const uint8_t *row, int64_t block) {
    const float d = half_at(row + block * 18);
    return {d, d, 0};
  }
  static CARD uint32_t codes(const uint8_t *row, int64_t block, int j) {
    return less(word_at(row + block * 18 + 2 + 4 * (j & 3)) >> (j & 4) & 0x0f0f0f0fu, 8);
  }
};

struct Q5_0 : OneScale {
  static CARD BlockScales scales(const uint8_t *row, int64_t block) {
    const float d = half_at(row + block * 22);
    return {d, d, 0};
  }
  static CARD uint32_t codes(const uint8_t *row, int64_t block, int j) {
    const uint8_t *p = row + block * 22;
    const uint32_t low = word_at(p + 6 + 4 * (j & 3)) >> (j & 4) & 0x0f0f0f0fu, high = word_at(p + 2) >> (4 * j);
    return less(low | (high & 1) << 4 | (high & 2) << 11 | (high & 4) << 18 | (high & 8) << 25, 16);
  }
};

// six bits each of scale and minimum of sub-block j
CARD BlockScales super_scales(const uint8_t *span, int j) {
  const uint8_t *q = span + 4;
  const int scale = j < 4 ? q[j] & 63 : (q[j + 4] & 15) | (q[j - 4] >> 6) << 4;
  const int minimum = j < 4 ? q[j + 4] & 63 : q[j + 4] >> 4 | (q[j] >> 6) << 4;
  const float d = half_at(span) * static_cast<float>(scale);
  return {d, d, half_at(span + 2) * static_cast<float>(minimum)};
}

struct Q4_K : OneScaleAndMinimum {
  static CARD BlockScales scales(const uint8_t *row, int64_t block) {
    return super_scales(row + block / 8 * 144, static_cast<int>(block % 8));
  }
  static CARD uint32_t codes(const uint8_t *row, int64_t block, int j) {
    const int s = static_cast<int>(block % 8);
    return word_at(row + block / 8 * 144 + 16 + s / 2 * 32 + 4 * j) >> (s % 2 * 4) & 0x0f0f0f0fu;
  }
};

struct Q5_K : OneScaleAndMinimum {
  static CARD BlockScales scales(const uint8_t *row, int64_t block) {
    return super_scales(row + block / 8 * 176, static_cast<int>(block % 8));
  }
  static CARD uint32_t codes(const uint8_t *row, int64_t block, int j) {
    const int s = static_cast<int>(block % 8);
    const uint8_t *span = row + block / 8 * 176;
    const uint32_t low = word_at(span + 48 + s / 2 * 32 + 4 * j) >> (s % 2 * 4) & 0x0f0f0f0fu;
    return low | (word_at(span + 16 + 4 * j) >> s & 0x01010101u) << 4;
  }
};

struct Q6_K : TwoScales {
  static CARD BlockScales scales(const uint8_t *row, int64_t block) {
    const uint8_t *span = row + block / 8 * 210;
    const int8_t *each = reinterpret_cast<const int8_t *>(span + 192 + block % 8 * 2);
    const float d = half_at(span + 208);
    return {d * static_cast<float>(each[0]), d * static_cast<float>(each[1]), 0};
  }
  static CARD uint32_t codes(const uint8_t *row, int64_t block, int j) {
    const int s = static_cast<int>(block % 8), half = s / 4, quarter = s % 4;
    const uint8_t *span = row + block / 8 * 210;
    const uint32_t low = word_at(span + half * 64 + quarter % 2 * 32 + 4 * j) >> (quarter / 2 * 4) & 0x0f0f0f0fu;
    const uint32_t high = word_at(span + 128 + half * 32 + 4 * j) >> (quarter * 2) & 0x03030303u;
    return less(low | high << 4, 32);
  }
};

struct F32 {
  static CARD float at(const uint8_t *row, int64_t i) { return reinterpret_cast<const float *>(row)[i]; }
};

struct F16 {
  static CARD float at(const uint8_t *row, int64_t i) { return half_to_float(reinterpret_cast<const uint16_t *>(row)[i]); }
};

struct BF16 {
  static CARD float at(const uint8_t *row, int64_t i) {
    return bits_to_float(static_cast<uint32_t>(reinterpret_cast<const uint16_t *>(row)[i]) << 16);
  }
};

template <typename Format>
CARD float element(const uint8_t *row, int64_t i) {
  const BlockScales scales = Format::scales(row, i / 32);
  const int within = static_cast<int>(i % 32);
  const uint32_t four = Format::codes(row, i / 32, within / 4);
  const int8_t code = static_cast<int8_t>(four >> (within % 4 * 8));
  return fmaf(within < 16 ? scales.low : scales.high, static_cast<float>(code), -scales.minimum);
}

CARD float element_of(int64_t dtype, const uint8_t *row, int64_t i) {
  switch (dtype) {
    case KERNELS_F32: return F32::at(row, i);
    case KERNELS_F16: return F16::at(row, i);
    case KERNELS_BF16: return BF16::at(row, i);
    case KERNELS_Q8_0: return element<Q8_0>(row, i);
    case KERNELS_Q4_0: return element<Q4_0>(row, i);
    case KERNELS_Q5_0: return element<Q5_0>(row, i);
    case KERNELS_Q4_K: return element<Q4_K>(row, i);
    case KERNELS_Q5_K: return element<Q5_K>(row, i);
    default: return element<Q6_K>(row, i);
  }
}

}  // namespace longform::card
