// Stored keys and values as vectors of float32, by how the cache stores them (KvDType).

namespace longform {
namespace LONGFORM_ISA {

// `load` gives W elements from `d` on of a row of `headDim`; `load_part` the last n < W, then zeros.
struct F32Row {
  static simd::f32 load(const char *row, int64_t d, int64_t) {
    return simd::load(reinterpret_cast<const float *>(row) + d);
  }
  static simd::f32 load_part(const char *row, int64_t d, int n, int64_t) {
    return simd::load_part(reinterpret_cast<const float *>(row) + d, n);
  }
};

struct F16Row {
  static simd::f32 load(const char *row, int64_t d, int64_t) {
    return simd::load_f16(reinterpret_cast<const uint16_t *>(row) + d);
  }
  static simd::f32 load_part(const char *row, int64_t d, int n, int64_t) {
    uint16_t padded[simd::W] = {0};
    std::memcpy(padded, row + 2 * d, static_cast<size_t>(n) * 2);
    return simd::load_f16(padded);
  }
};

// signed bytes, then a float16 scale for each 32 of them
struct Q8Row {
  static simd::f32 scale(const char *row, int64_t d, int64_t head_dim) {
    return simd::set(half_at(row + head_dim + d / 32 * 2));
  }
  static simd::f32 load(const char *row, int64_t d, int64_t head_dim) {
    return simd::mul(simd::load_i8(reinterpret_cast<const int8_t *>(row) + d), scale(row, d, head_dim));
  }
  static simd::f32 load_part(const char *row, int64_t d, int n, int64_t head_dim) {
    int8_t padded[simd::W] = {0};
    std::memcpy(padded, row + d, static_cast<size_t>(n));
    return simd::mul(simd::load_i8(padded), scale(row, d, head_dim));
  }
};

// Keys as columns: target[d][j] is element d of rows[j]; columns up to a whole vector are written.
template <typename Row>
inline void widen_columns(const char *const *rows, int64_t offset, int count, int64_t head_dim, float *target) {
  for (int j = 0; j < count; j += simd::W) {
    const char *row[simd::W];
    for (int k = 0; k < simd::W; k++) row[k] = rows[j + k < count ? j + k : count - 1] + offset;
    for (int64_t d = 0; d < head_dim; d += simd::W) {
      simd::f32 block[simd::W];
      const int n = head_dim - d < simd::W ? static_cast<int>(head_dim - d) : simd::W;
      if (n == simd::W) {
#pragma GCC unroll 16
        for (int k = 0; k < simd::W; k++) block[k] = Row::load(row[k], d, head_dim);
      } else {
        for (int k = 0; k < simd::W; k++) block[k] = Row::load_part(row[k], d, n, head_dim);
      }
      transpose(block);
      float *at = target + d * kTileKeys + j;
      if (n == simd::W) {
#pragma GCC unroll 16
        for (int k = 0; k < simd::W; k++) simd::store(at + k * kTileKeys, block[k]);
      } else {
        for (int k = 0; k < n; k++) simd::store(at + k * kTileKeys, block[k]);
      }
    }
  }
}

// Values as rows: target[j][d], padded with zeros to `width`, whole vectors.
template <typename Row>
inline void widen_rows(const char *const *rows, int64_t offset, int count, int64_t head_dim, int64_t width,
                       float *target) {
  for (int j = 0; j < count; j++, target += width) {
    const char *row = rows[j] + offset;
    int64_t d = 0;
    for (; d + simd::W <= head_dim; d += simd::W) simd::store(target + d, Row::load(row, d, head_dim));
    if (d < head_dim) {
      simd::store(target + d, Row::load_part(row, d, static_cast<int>(head_dim - d), head_dim));
    }
  }
}

inline void widen_keys(int64_t dtype, const char *const *rows, int64_t offset, int count, int64_t head_dim,
                       float *target) {
  switch (dtype) {
    case KERNELS_KV_F32: widen_columns<F32Row>(rows, offset, count, head_dim, target); break;
    case KERNELS_KV_F16: widen_columns<F16Row>(rows, offset, count, head_dim, target); break;
    default: widen_columns<Q8Row>(rows, offset, count, head_dim, target); break;
  }
}

inline void widen_values(int64_t dtype, const char *const *rows, int64_t offset, int count, int64_t head_dim,
                         int64_t width, float *target) {
  switch (dtype) {
    case KERNELS_KV_F32: widen_rows<F32Row>(rows, offset, count, head_dim, width, target); break;
    case KERNELS_KV_F16: widen_rows<F16Row>(rows, offset, count, head_dim, width, target); break;
    default: widen_rows<Q8Row>(rows, offset, count, head_dim, width, target); break;
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
