// Rotary angles in float64: positions reach 2e8, where a float32 angle would be wrong by several turns.

namespace longform {
namespace LONGFORM_ISA {

// Keys of one tile at most; their positions differ by less where they are consecutive.
constexpr int kTileKeys = 64;

// cosines[i] = factor * cos(turn * frequencies[i]), and sines, to about 1e-15. Plain arithmetic
// without branches, so that the compiler makes vectors of it: a call of sincos for every pair and
// tile would take as long as the rest of decoding. Reduction by pi/2 in three parts (Cody and Waite;
// the first two have 26 bits, so that products with up to 2^27 are exact), polynomials of Cephes.
inline void angles(const double *frequencies, int64_t pairs, double turn, double factor, float *cosines,
                   float *sines) {
  constexpr double kLargest = 0x1p27;
  // adding and taking it away rounds to a whole number
  constexpr double kWhole = 0x1.8p52;
  int beyond = 0;
  for (int64_t i = 0; i < pairs; i++) {
    const double angle = turn * frequencies[i];
    beyond |= !(angle < kLargest && angle > -kLargest);
    const double n = (angle * 0x1.45f306dc9c883p-1 + kWhole) - kWhole;
    const double r = ((angle - n * 0x1.921fb5p0) - n * 0x1.110b46p-26) - n * 0x1.1a62633145c07p-54;
    const double z = r * r;
    double s = 1.58962301576546568060e-10 * z - 2.50507477628578072866e-8;
    s = s * z + 2.75573136213857245213e-6;
    s = s * z - 1.98412698295895385996e-4;
    s = s * z + 8.33333333332211858878e-3;
    s = s * z - 1.66666666666666307295e-1;
    s = r + r * z * s;
    double c = -1.13585365213876817300e-11 * z + 2.08757008419747316778e-9;
    c = c * z - 2.75573141792967388112e-7;
    c = c * z + 2.48015872888517045348e-5;
    c = c * z - 1.38888888888730564116e-3;
    c = c * z + 4.16666666666665929218e-2;
    c = 1 - 0.5 * z + z * z * c;
    // n mod 4: odd is 1 or -1 for 1 and 3, sign is -1 for 2
    const double half = (n * 0.5 + kWhole) - kWhole;
    const double odd = n - 2 * half;
    const double opposite = half - 2 * ((half * 0.5 + kWhole) - kWhole);
    const double sign = (1 - odd * odd) * (1 - 2 * opposite * opposite);
    cosines[i] = static_cast<float>(factor * (sign * c - odd * s));
    sines[i] = static_cast<float>(factor * (sign * s + odd * c));
  }
  if (beyond != 0) {
    for (int64_t i = 0; i < pairs; i++) {
      cosines[i] = static_cast<float>(factor * ::cos(turn * frequencies[i]));
      sines[i] = static_cast<float>(factor * ::sin(turn * frequencies[i]));
    }
  }
}

// Rotations by 0, 1, … 63 positions: cosines[pair][offset], then sines. A thread keeps the last one:
// the calls of one model have the same frequencies, and without scaled heads one table is all.
class OffsetTable {
 public:
  void prepare(const double *frequencies, int64_t pairs, double scale) {
    if (pairs == pairs_ && scale == scale_ && same(frequencies)) return;
    pairs_ = -1;
    const int64_t floats = pairs * kTileKeys * 2;
    char *block = static_cast<char *>(memory_.reserve(floats * 4 + pairs * 16));
    cosines_ = reinterpret_cast<float *>(block);
    frequencies_ = reinterpret_cast<double *>(block + floats * 4);
    float *cosine = reinterpret_cast<float *>(frequencies_ + pairs);
    for (int64_t i = 0; i < pairs; i++) frequencies_[i] = frequencies[i];
    for (int offset = 0; offset < kTileKeys; offset++) {
      angles(frequencies, pairs, offset * scale, 1, cosine, cosine + pairs);
      for (int64_t i = 0; i < pairs; i++) {
        cosines_[i * kTileKeys + offset] = cosine[i];
        cosines_[(pairs + i) * kTileKeys + offset] = cosine[pairs + i];
      }
    }
    pairs_ = pairs;
    scale_ = scale;
  }

  const float *cosines(int64_t pair) const { return cosines_ + pair * kTileKeys; }
  const float *sines(int64_t pair) const { return cosines_ + (pairs_ + pair) * kTileKeys; }

 private:
  bool same(const double *frequencies) const {
    for (int64_t i = 0; i < pairs_; i++) {
      if (frequencies_[i] != frequencies[i]) return false;
    }
    return true;
  }

  Arena memory_;
  float *cosines_ = nullptr;
  double *frequencies_ = nullptr;
  int64_t pairs_ = -1;
  double scale_ = 0;
};

inline OffsetTable &offset_table() {
  static thread_local OffsetTable table;
  return table;
}

}  // namespace LONGFORM_ISA
}  // namespace longform
