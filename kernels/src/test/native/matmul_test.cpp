// kernels_matmul and kernels_gather of every dtype and instruction set against float64 loops.
//
// Weights are blocks of random bytes with scales of sound size; each dtype has a decoder here that
// looks up one element by the text of the GGUF specification. For quantised weights the expected
// product is that of activations rounded as the kernels promise: blocks of 32, largest magnitude / 127.
#include "isas.h"
#include "kernels.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

std::mt19937 draws(7);
long checks = 0;
long failures = 0;

float uniform() { return std::uniform_real_distribution<float>(-1, 1)(draws); }

// what: makes the sentence, only where it is needed
template <typename What>
void expect(bool held, What what) {
  checks++;
  if (!held && failures++ < 20) std::fprintf(stderr, "%s\n", std::string(what()).c_str());
}

// --- dtypes ---

double half_at(const uint8_t *p) {
  const int bits = p[0] | p[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -size : size;
}

// scale and minimum j of Q4_K and Q5_K
void six_bits(const uint8_t *q, int j, int *scale, int *least) {
  if (j < 4) {
    *scale = q[j] & 63;
    *least = q[j + 4] & 63;
  } else {
    *scale = (q[j + 4] & 15) | (q[j - 4] >> 6) << 4;
    *least = q[j + 4] >> 4 | (q[j] >> 6) << 4;
  }
}

struct DType {
  int32_t id;
  const char *name;
  int64_t block;
  int64_t bytes;
  std::vector<int> halves;  // offsets of float16 numbers in a block

  bool quantised() const { return block > 1; }

  // element i of a block
  double at(const uint8_t *p, int i) const {
    const int j = i / 32, low = i % 16, high = i % 32 / 16 * 4;
    int scale, least;
    float f;
    switch (id) {
      case KERNELS_F32: std::memcpy(&f, p, 4); return f;
      case KERNELS_F16: return half_at(p);
      case KERNELS_BF16: {
        const uint32_t bits = static_cast<uint32_t>(p[0] | p[1] << 8) << 16;
        std::memcpy(&f, &bits, 4);
        return f;
      }
      case KERNELS_Q8_0: return half_at(p) * static_cast<int8_t>(p[2 + i]);
      case KERNELS_Q4_0: return half_at(p) * ((p[2 + low] >> high & 15) - 8);
      case KERNELS_Q5_0:
        return half_at(p) * (((p[6 + low] >> high & 15) | (p[2 + i / 8] >> i % 8 & 1) << 4) - 16);
      case KERNELS_Q4_K:
        six_bits(p + 4, j, &scale, &least);
        return half_at(p) * scale * (p[16 + i / 64 * 32 + i % 32] >> j % 2 * 4 & 15) - half_at(p + 2) * least;
      case KERNELS_Q5_K:
        six_bits(p + 4, j, &scale, &least);
        return half_at(p) * scale *
                   ((p[48 + i / 64 * 32 + i % 32] >> j % 2 * 4 & 15) | (p[16 + i % 32] >> j & 1) << 4) -
               half_at(p + 2) * least;
      case KERNELS_Q6_K: {
        const int half = i / 128, quarter = i % 128 / 32;
        const int bits = (p[half * 64 + i % 64] >> quarter / 2 * 4 & 15) |
                         (p[128 + half * 32 + i % 32] >> quarter * 2 & 3) << 4;
        return half_at(p + 208) * static_cast<int8_t>(p[192 + i / 16]) * (bits - 32);
      }
      default: std::abort();
    }
  }
};

const DType kDTypes[] = {
    {KERNELS_F32, "F32", 1, 4, {}},
    {KERNELS_F16, "F16", 1, 2, {0}},
    {KERNELS_BF16, "BF16", 1, 2, {}},
    {KERNELS_Q8_0, "Q8_0", 32, 34, {0}},
    {KERNELS_Q4_0, "Q4_0", 32, 18, {0}},
    {KERNELS_Q5_0, "Q5_0", 32, 22, {0}},
    {KERNELS_Q4_K, "Q4_K", 256, 144, {0, 2}},
    {KERNELS_Q5_K, "Q5_K", 256, 176, {0, 2}},
    {KERNELS_Q6_K, "Q6_K", 256, 210, {208}},
};

struct Matrix {
  const DType *dtype;
  int64_t outer, inner;
  std::vector<uint8_t> memory;  // one byte before the first row: no address is aligned
  std::vector<double> values;

  const void *address() const { return memory.data() + 1; }
};

Matrix draw(const DType &dtype, int64_t outer, int64_t inner) {
  Matrix m = {&dtype, outer, inner, {}, {}};
  const int64_t blocks = outer * inner / dtype.block;
  // ends where the last row ends: AddressSanitizer sees what reads on
  m.memory.resize(static_cast<size_t>(1 + blocks * dtype.bytes));
  for (uint8_t &b : m.memory) b = static_cast<uint8_t>(draws());
  for (int64_t b = 0; b < blocks; b++) {
    uint8_t *p = m.memory.data() + 1 + b * dtype.bytes;
    // 2^-8 to 2^-5, any sign and fraction
    for (int offset : dtype.halves) p[offset + 1] = static_cast<uint8_t>((draws() & 0x83) | (7 + draws() % 4) << 2);
    if (!dtype.quantised() && dtype.halves.empty()) {
      const float f = uniform();
      std::memcpy(p, reinterpret_cast<const char *>(&f) + 4 - dtype.bytes, static_cast<size_t>(dtype.bytes));
    }
    for (int i = 0; i < dtype.block; i++) m.values.push_back(dtype.at(p, i));
  }
  return m;
}

// what the kernels make of activations
std::vector<double> rounded(const std::vector<float> &x) {
  std::vector<double> out;
  for (size_t b = 0; b < x.size(); b += 32) {
    float largest = 0;
    for (size_t i = b; i < b + 32; i++) largest = std::max(largest, std::fabs(x[i]));
    for (size_t i = b; i < b + 32; i++) {
      out.push_back(largest < 1e-36f ? 0 : std::nearbyint(x[i] * (127 / largest)) * static_cast<double>(largest / 127));
    }
  }
  return out;
}

// --- products ---

struct Device {
  kernels_device *open;
  std::string name;
};

void check_product(const Device &device, const std::vector<const Matrix *> &weights, const std::vector<float> &x,
                   int64_t tokens) {
  const int64_t inner = weights[0]->inner;
  std::vector<std::vector<float>> outs;
  std::vector<kernels_product> products;
  for (const Matrix *w : weights) outs.emplace_back(static_cast<size_t>(tokens * w->outer), 1e30f);
  for (size_t j = 0; j < weights.size(); j++) {
    products.push_back({weights[j]->address(), outs[j].data(), weights[j]->outer, weights[j]->dtype->id});
  }
  const int32_t status = kernels_matmul(device.open, x.data(), tokens, inner, products.data(),
                                        static_cast<int64_t>(products.size()));
  expect(status == KERNELS_OK, [&] { return device.name + ": " + kernels_last_error(); });
  for (size_t j = 0; j < weights.size(); j++) {
    const Matrix &w = *weights[j];
    const std::vector<double> left =
        w.dtype->quantised() ? rounded(x) : std::vector<double>(x.begin(), x.end());
    for (int64_t t = 0; t < tokens; t++) {
      for (int64_t o = 0; o < w.outer; o++) {
        const double *row = left.data() + t * inner;
        const double *column = w.values.data() + o * inner;
        double sum = 0, size = 0;
        for (int64_t i = 0; i < inner; i++) {
          const double product = row[i] * column[i];
          sum += product;
          size += std::fabs(product);
        }
        const float found = outs[j][static_cast<size_t>(t * w.outer + o)];
        // float32 sums: roundings relative to what is added
        const bool held = std::isnan(sum) ? std::isnan(found) : std::fabs(found - sum) <= 1e-6 * size + 1e-30;
        expect(held, [&] {
          return device.name + " " + w.dtype->name + ": " + std::to_string(tokens) + " x " + std::to_string(inner) +
                 " times " + std::to_string(w.outer) + ", [" + std::to_string(t) + "][" + std::to_string(o) + "] is " +
                 std::to_string(found) + ", expected " + std::to_string(sum);
        });
      }
    }
  }
}

std::vector<float> activations(int64_t count) {
  std::vector<float> x(static_cast<size_t>(count));
  for (float &v : x) v = uniform() * std::ldexp(1.f, static_cast<int>(draws() % 7));
  return x;
}

void check_sizes(const Device &device) {
  for (const DType &dtype : kDTypes) {
    for (int64_t inner : {1, 15, 32, 64, 96, 256, 288, 512, 768, 1056}) {
      if (inner % dtype.block != 0) continue;
      for (int64_t outer : {1, 3, 16, 31, 33, 70}) {
        const Matrix w = draw(dtype, outer, inner);
        for (int64_t tokens = 0; tokens <= 33; tokens += outer == 33 ? 1 : 1 + draws() % 12) {
          check_product(device, {&w}, activations(tokens * inner), tokens);
        }
      }
    }
    // several panels along a row, several rounds of tokens
    const Matrix wide = draw(dtype, 5, 8192 + 512);
    check_product(device, {&wide}, activations(11 * wide.inner), 11);
    const Matrix narrow = draw(dtype, 37, 256);
    check_product(device, {&narrow}, activations(1030 * narrow.inner), 1030);
  }
}

void check_shared(const Device &device) {
  for (int64_t tokens : {1, 3, 20, 150}) {
    std::vector<Matrix> weights;
    for (const DType &dtype : kDTypes) weights.push_back(draw(dtype, 1 + draws() % 50, 512));
    std::vector<const Matrix *> all;
    for (const Matrix &w : weights) all.push_back(&w);
    check_product(device, all, activations(tokens * 512), tokens);
  }
}

// KERNELS_ALIKE_TOKENS: what others are in the call changes no bit
void check_alike(const Device &device) {
  for (const DType &dtype : kDTypes) {
    for (int64_t inner : {33, 96, 768}) {
      if (inner % dtype.block != 0) continue;
      const Matrix w = draw(dtype, 19, inner);
      for (int64_t tokens = 1; tokens <= KERNELS_ALIKE_TOKENS; tokens++) {
        const std::vector<float> x = activations(tokens * inner);
        std::vector<float> out(static_cast<size_t>(tokens * w.outer)), alone(static_cast<size_t>(w.outer));
        const kernels_product all = {w.address(), out.data(), w.outer, dtype.id};
        const kernels_product one = {w.address(), alone.data(), w.outer, dtype.id};
        kernels_matmul(device.open, x.data(), tokens, inner, &all, 1);
        for (int64_t t = 0; t < tokens; t++) {
          kernels_matmul(device.open, x.data() + t * inner, 1, inner, &one, 1);
          expect(std::memcmp(alone.data(), out.data() + t * w.outer, alone.size() * sizeof(float)) == 0, [&] {
            return device.name + " " + dtype.name + ": token " + std::to_string(t) + " of " + std::to_string(tokens) +
                   " with " + std::to_string(inner) + " values is not as it is alone";
          });
        }
      }
    }
  }
}

void check_spoiled(const Device &device) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const DType &dtype : kDTypes) {
    const Matrix w = draw(dtype, 19, 512);
    for (float bad : {infinity, -infinity, std::nanf("")}) {
      for (int64_t tokens : {1, 4, 7, 29}) {
        std::vector<float> x = activations(tokens * 512), clean = x;
        const int64_t row = static_cast<int64_t>(draws()) % tokens;
        x[static_cast<size_t>(row * 512 + draws() % 512)] = bad;
        std::vector<float> out(static_cast<size_t>(tokens * 19)), other = out;
        const kernels_product product = {w.address(), out.data(), 19, dtype.id};
        const kernels_product sound = {w.address(), other.data(), 19, dtype.id};
        kernels_matmul(device.open, x.data(), tokens, 512, &product, 1);
        kernels_matmul(device.open, clean.data(), tokens, 512, &sound, 1);
        for (int64_t i = 0; i < tokens * 19; i++) {
          const float found = out[static_cast<size_t>(i)];
          expect(i / 19 == row ? !std::isfinite(found) : found == other[static_cast<size_t>(i)],
                 [&] { return device.name + " " + dtype.name + ": " + std::to_string(bad) + " makes " + std::to_string(found); });
        }
      }
    }
  }
}

void check_extremes(const Device &device) {
  for (const DType &dtype : kDTypes) {
    const Matrix w = draw(dtype, 35, 512);
    for (float size : {0.f, 1e-42f, 1e-36f, 1e30f}) {
      for (int64_t tokens : {1, 13}) {
        std::vector<float> x = activations(tokens * 512);
        for (float &v : x) v *= size;
        if (dtype.quantised() || size == 0 || size > 1) check_product(device, {&w}, x, tokens);
      }
    }
    // every code at its end: what sums in 16 bits would overflow
    Matrix full = w;
    for (int64_t b = 0; b < 35 * 512 / dtype.block && dtype.quantised(); b++) {
      for (int64_t i = 0; i < dtype.bytes; i++) {
        bool scale = false;
        for (int offset : dtype.halves) scale |= i == offset || i == offset + 1;
        if (!scale) full.memory[static_cast<size_t>(1 + b * dtype.bytes + i)] = b % 3 == 0 ? 0x80 : b % 3 == 1 ? 0x7f : 0xff;
      }
      for (int i = 0; i < dtype.block; i++) {
        full.values[static_cast<size_t>(b * dtype.block + i)] = dtype.at(full.memory.data() + 1 + b * dtype.bytes, i);
      }
    }
    for (int64_t tokens : {2, 17}) {
      check_product(device, {&full}, std::vector<float>(static_cast<size_t>(tokens * 512), 3.f), tokens);
      check_product(device, {&full}, std::vector<float>(static_cast<size_t>(tokens * 512), -3.f), tokens);
    }
  }
}

void check_gather(const Device &device) {
  const int32_t ids[] = {4, 0, 4, 2};
  for (const DType &dtype : kDTypes) {
    for (int64_t inner : {1, 33, 256, 512 + 256}) {
      if (inner % dtype.block != 0) continue;
      const Matrix table = draw(dtype, 5, inner);
      std::vector<float> out(static_cast<size_t>(4 * inner));
      kernels_gather(device.open, table.address(), dtype.id, inner, ids, 4, out.data());
      for (int64_t t = 0; t < 4; t++) {
        for (int64_t i = 0; i < inner; i++) {
          const double value = table.values[static_cast<size_t>(ids[t] * inner + i)];
          // a float32 product and a difference of values up to 3000
          expect(std::fabs(out[static_cast<size_t>(t * inner + i)] - value) <= (dtype.block == 256 ? 1e-3 : 1e-6 * std::fabs(value)),
                 [&] { return device.name + " gather " + dtype.name; });
        }
      }
    }
  }
}

}  // namespace

int main(int count, char **arguments) {
  int opened = 0;
  for (int32_t isa : isas_of(count, arguments)) {
    for (int32_t threads : {1, 3}) {
      Device device = {nullptr, std::string(kernels_isa_name(isa)) + " on " + std::to_string(threads)};
      if (kernels_open(isa, threads, &device.open) != KERNELS_OK) return 1;
      opened++;
      if (threads == 1) check_sizes(device);
      if (threads == 1) check_gather(device);
      check_shared(device);
      if (threads == 1) check_alike(device);
      check_spoiled(device);
      check_extremes(device);
      kernels_close(device.open);
    }
  }
  std::printf("matmul_test: %ld checks on %d devices, %ld failed\n", checks, opened, failures);
  return failures == 0 && opened > 0 && checks > 0 ? 0 : 1;
}
