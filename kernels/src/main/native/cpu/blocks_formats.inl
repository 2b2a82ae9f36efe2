// Quantised formats of GGUF files: 32 codes at a time, and the factors of 256 neighbours.
// An element is scale * (code - OFFSET), less a minimum where the format has MINS.
//
// BITS of a code; N scales for 256 elements; SPAN_BYTES of 256 elements.

namespace longform {
namespace LONGFORM_ISA {

// Blocks of 32 that begin with a float16 scale.
template <typename Block>
struct Plain {
  static constexpr int N = 8;
  static constexpr bool MINS = false;
  static constexpr int64_t SPAN_BYTES = 8 * Block::BYTES;

  static dots::scales<8> scales(const uint8_t *span) { return dots::template halves<Block::BYTES>(span); }
  // of the last blocks of a row, fewer than eight
  static dots::scales<8> scales(const uint8_t *span, int64_t blocks) {
    float d[8] = {0};
    for (int64_t b = 0; b < blocks; b++) d[b] = dots::half_to_float(span + b * Block::BYTES);
    return dots::floats(d);
  }
  static auto codes(const uint8_t *row, int64_t block) {
    return dots::template centred<Block::BITS, Block::OFFSET>(Block::unpack(row + block * Block::BYTES + 2));
  }
};

// 32 signed bytes
struct Q8_0 : Plain<Q8_0> {
  static constexpr int BITS = 8, OFFSET = 0;
  static constexpr int64_t BYTES = 34;
  static dots::half unpack(const uint8_t *p) { return dots::load32(p); }
};

// 16 bytes; low halves are elements 0..15, high halves 16..31, each less 8
struct Q4_0 : Plain<Q4_0> {
  static constexpr int BITS = 4, OFFSET = 8;
  static constexpr int64_t BYTES = 18;
  static dots::half unpack(const uint8_t *p) { return dots::nibbles(p); }
};

// 32 fifth bits in a word, then as Q4_0, each less 16
struct Q5_0 : Plain<Q5_0> {
  static constexpr int BITS = 5, OFFSET = 16;
  static constexpr int64_t BYTES = 22;
  static dots::half unpack(const uint8_t *p) {
    uint32_t high;
    std::memcpy(&high, p, 4);
    return dots::with_high_bits(dots::nibbles(p + 4), high);
  }
};

// Super-blocks of 256: float16 d and dmin, then scales and minima of eight sub-blocks in 6 bits each:
// bytes 0..3 are scales 0..3 and bytes 4..7 minima 0..3 in their low 6 bits; scales 4..7 are the low
// and minima 4..7 the high halves of bytes 8..11, with the two high bits of bytes 0..3 and 4..7.
template <typename Block>
struct Super {
  static constexpr int N = 8, OFFSET = 0;
  static constexpr bool MINS = true;
  static constexpr int64_t SPAN_BYTES = Block::BYTES;

  static dots::scales<8> scales(const uint8_t *span) {
    uint32_t w[3];
    std::memcpy(w, span + 4, 12);
    const uint64_t high = (w[2] & 0x0f0f0f0f) | ((w[0] >> 2) & 0x30303030);
    return dots::bytes((w[0] & 0x3f3f3f3f) | (high << 32), dots::half_to_float(span));
  }
  static dots::scales<8> scales(const uint8_t *span, int64_t) { return scales(span); }
  static dots::scales<8> mins(const uint8_t *span) {
    uint32_t w[3];
    std::memcpy(w, span + 4, 12);
    const uint64_t high = ((w[2] >> 4) & 0x0f0f0f0f) | ((w[1] >> 2) & 0x30303030);
    return dots::bytes((w[1] & 0x3f3f3f3f) | (high << 32), dots::half_to_float(span + 2));
  }
  static auto codes(const uint8_t *row, int64_t block) {
    return dots::template centred<Block::BITS, 0>(
        Block::unpack(row + block / 8 * Block::BYTES + 16, static_cast<int>(block % 8)));
  }
};

// 32 bytes for each two sub-blocks: low halves, high halves
struct Q4_K : Super<Q4_K> {
  static constexpr int BITS = 4;
  static constexpr int64_t BYTES = 144;
  static dots::half unpack(const uint8_t *p, int j) {
    return dots::bits(dots::load32(p + j / 2 * 32), j % 2 * 4, 15);
  }
};

// 32 bytes whose bit j is the fifth bit of sub-block j, then as Q4_K
struct Q5_K : Super<Q5_K> {
  static constexpr int BITS = 5;
  static constexpr int64_t BYTES = 176;
  static dots::half unpack(const uint8_t *p, int j) {
    return dots::with_high(dots::bits(dots::load32(p + 32 + j / 2 * 32), j % 2 * 4, 15),
                           dots::bits(dots::load32(p), j, 1));
  }
};

// 128 bytes of low halves, 64 of two high bits, 16 signed scales for 16 elements each, float16 d;
// each code less 32. Of each 128 elements the first 64 have the low halves of 64 bytes, the others
// the high ones, and 32 j .. 32 j + 31 have bits 2 j and 2 j + 1 of 32 bytes.
struct Q6_K {
  static constexpr int BITS = 6, OFFSET = 32, N = 16;
  static constexpr bool MINS = false;
  static constexpr int64_t SPAN_BYTES = 210;

  static dots::scales<16> scales(const uint8_t *span) {
    return dots::signed_bytes(span + 192, dots::half_to_float(span + 208));
  }
  static dots::scales<16> scales(const uint8_t *span, int64_t) { return scales(span); }
  static auto codes(const uint8_t *row, int64_t block) {
    const uint8_t *span = row + block / 8 * SPAN_BYTES;
    const int half = static_cast<int>(block % 8) / 4, j = static_cast<int>(block % 4);
    const dots::half low = dots::bits(dots::load32(span + 64 * half + 32 * (j % 2)), j / 2 * 4, 15);
    return dots::centred<BITS, OFFSET>(
        dots::with_high(low, dots::bits(dots::load32(span + 128 + 32 * half), 2 * j, 3)));
  }
};

}  // namespace LONGFORM_ISA
}  // namespace longform
