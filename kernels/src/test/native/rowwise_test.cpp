// gather, add_bias, add, multiply, rms_norm, swi_glu and functions of one number of every instruction set against loops in float64.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "isas.h"
#include "kernels.h"

namespace {

int64_t checks = 0;
int64_t failures = 0;
const char *current_isa = "";

void expect(bool good, const char *what, int64_t size, int64_t at, double found, double expected) {
  checks++;
  if (good) return;
  if (failures++ < 20) {
    std::printf("%s: %s of size %lld, element %lld: %.9g, expected %.9g\n", current_isa, what,
                static_cast<long long>(size), static_cast<long long>(at), found, expected);
  }
}

void close_to(const char *what, int64_t size, int64_t at, double found, double expected, double relative) {
  const bool same = (std::isnan(expected) && std::isnan(found)) || found == expected;
  expect(same || std::abs(found - expected) <= relative * std::abs(expected), what, size, at, found, expected);
}

std::mt19937 random_bits(11);

std::vector<float> draw(int64_t count, float spread) {
  std::normal_distribution<float> normal(0.f, spread);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values) value = normal(random_bits);
  return values;
}

// a block of its own that ends with the last element, so that the address sanitizer sees what goes beyond
struct Exact {
  explicit Exact(const std::vector<float> &from) : size(from.size()), values(new float[from.size()]) {
    std::memcpy(values, from.data(), size * sizeof(float));
  }
  ~Exact() { delete[] values; }
  Exact(const Exact &) = delete;
  Exact &operator=(const Exact &) = delete;

  size_t size;
  float *values;
};

double half(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  if (exponent == 31) value = fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan("");
  return (bits & 0x8000) != 0 ? -value : value;
}

uint16_t half_at(const uint8_t *p) { return static_cast<uint16_t>(p[0] | (p[1] << 8)); }

// element i of a row in the form of GGUF files
double stored_value(int32_t dtype, const uint8_t *row, int64_t i) {
  switch (dtype) {
    case KERNELS_F32: {
      float value;
      std::memcpy(&value, row + 4 * i, 4);
      return value;
    }
    case KERNELS_F16: return half(half_at(row + 2 * i));
    case KERNELS_BF16: {
      const uint32_t bits = static_cast<uint32_t>(half_at(row + 2 * i)) << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      return value;
    }
    case KERNELS_Q8_0: {
      const uint8_t *block = row + i / 32 * 34;
      return half(half_at(block)) * static_cast<int8_t>(block[2 + i % 32]);
    }
    default: {
      const uint8_t *block = row + i / 32 * 18;
      const int pair = block[2 + i % 16];
      return half(half_at(block)) * ((i % 32 < 16 ? pair & 15 : pair >> 4) - 8);
    }
  }
}

struct Stored {
  int32_t dtype;
  const char *name;
  int64_t elements;
  int64_t bytes;
};

const Stored kStored[] = {
    {KERNELS_F32, "gather F32", 1, 4},     {KERNELS_F16, "gather F16", 1, 2},     {KERNELS_BF16, "gather BF16", 1, 2},
    {KERNELS_Q8_0, "gather Q8_0", 32, 34}, {KERNELS_Q4_0, "gather Q4_0", 32, 18},
};

void gather(kernels_device *device) {
  for (const Stored &stored : kStored) {
    for (int64_t blocks : {1, 3, 7, 8, 17, 33, 65, 300}) {
      const int64_t inner = blocks * stored.elements;
      const int64_t row_bytes = blocks * stored.bytes;
      const int64_t rows = 5;
      uint8_t *table = new uint8_t[static_cast<size_t>(rows * row_bytes)];
      // every bit pattern comes up, infinities and NaN too
      for (int64_t i = 0; i < rows * row_bytes; i++) table[i] = static_cast<uint8_t>(random_bits());
      const int32_t ids[] = {4, 0, 4, 2};
      float *out = new float[static_cast<size_t>(4 * inner)];
      const int32_t status = kernels_gather(device, table, stored.dtype, inner, ids, 4, out);
      expect(status == KERNELS_OK, stored.name, inner, -1, status, KERNELS_OK);
      for (int64_t t = 0; t < 4; t++) {
        for (int64_t i = 0; i < inner; i++) {
          const double expected = stored_value(stored.dtype, table + ids[t] * row_bytes, i);
          close_to(stored.name, inner, t * inner + i, out[t * inner + i], expected, 1e-7);
        }
      }
      delete[] out;
      delete[] table;
    }
  }
}

// the last ones are split into pieces
const int64_t kSizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 1000, 32768, 40001};

void additions(kernels_device *device) {
  for (int64_t size : kSizes) {
    const std::vector<float> x = draw(size, 3.f), y = draw(size, 2.f);
    Exact sum(x), other(y);
    kernels_add(device, sum.values, other.values, size);
    for (size_t i = 0; i < x.size(); i++) {
      close_to("add", size, static_cast<int64_t>(i), sum.values[i], x[i] + y[i], 0);
    }
    const int64_t tokens = 3;
    const std::vector<float> rows = draw(tokens * size, 3.f);
    Exact biased(rows);
    kernels_add_bias(device, biased.values, other.values, tokens, size);
    for (size_t i = 0; i < rows.size(); i++) {
      const float expected = rows[i] + y[i % y.size()];
      close_to("add_bias", size, static_cast<int64_t>(i), biased.values[i], expected, 0);
    }
  }
}

void rms_norm(kernels_device *device) {
  for (int64_t inner : kSizes) {
    for (float spread : {1e-6f, 1.f, 1e4f}) {
      const int64_t tokens = inner > 10000 ? 2 : 5;
      const double epsilon = 1e-5;
      Exact x(draw(tokens * inner, spread)), gain(draw(inner, 1.f));
      Exact out(std::vector<float>(x.size, 77.f));
      kernels_rms_norm(device, x.values, gain.values, epsilon, tokens, inner, out.values);
      for (int64_t t = 0; t < tokens; t++) {
        double squares = 0;
        for (int64_t i = 0; i < inner; i++) squares += std::pow(x.values[t * inner + i], 2);
        const double inverse = 1 / std::sqrt(squares / static_cast<double>(inner) + epsilon);
        for (int64_t i = 0; i < inner; i++) {
          const double expected = x.values[t * inner + i] * inverse * gain.values[i];
          close_to("rms_norm", inner, t * inner + i, out.values[t * inner + i], expected, 2e-6);
        }
      }
    }
  }
}

void swi_glu(kernels_device *device) {
  const float corners[] = {0.f, -0.f, 80.f, -80.f, 1e-30f, -1e-30f, 200.f, -20.f};
  for (int64_t size : kSizes) {
    std::vector<float> gates = draw(size, 5.f);
    for (size_t i = 0; i < gates.size() && i < 8; i++) gates[gates.size() - 1 - i] = corners[i];
    const std::vector<float> ups = draw(size, 2.f);
    Exact gate(gates), up(ups);
    kernels_swi_glu(device, gate.values, up.values, size);
    for (size_t i = 0; i < gates.size(); i++) {
      const double z = gates[i];
      close_to("swi_glu", size, static_cast<int64_t>(i), gate.values[i], z / (1 + std::exp(-z)) * ups[i], 2e-6);
    }
  }
  float gate[] = {std::nanf(""), -1e6f, std::numeric_limits<float>::infinity()};
  const float up[] = {1.f, 1.f, 1.f};
  kernels_swi_glu(device, gate, up, 3);
  expect(std::isnan(gate[0]), "swi_glu of NaN", 3, 0, gate[0], std::nan(""));
  expect(std::abs(gate[1]) < 1e-30, "swi_glu of a very negative gate", 3, 1, gate[1], 0);
  expect(gate[2] > 1e37f, "swi_glu of infinity", 3, 2, gate[2], std::numeric_limits<double>::infinity());
}

void multiply(kernels_device *device) {
  for (int64_t size : kSizes) {
    const std::vector<float> x = draw(size, 3.f), y = draw(size, 2.f);
    Exact product(x), other(y);
    kernels_multiply(device, product.values, other.values, size);
    for (size_t i = 0; i < x.size(); i++) {
      close_to("multiply", size, static_cast<int64_t>(i), product.values[i], x[i] * y[i], 0);
    }
  }
}

double function_of(int32_t function, double p, double x) {
  switch (function) {
    case KERNELS_SILU: return x / (1 + std::exp(-x));
    case KERNELS_GELU: return x * std::erfc(-x / std::sqrt(2.)) / 2;
    case KERNELS_GELU_TANH: return x / (1 + std::exp(-2 * std::sqrt(2 / std::acos(-1.)) * (x + 0.044715 * x * x * x)));
    case KERNELS_SCALE: return p * x;
    case KERNELS_SOFT_CAP: return p * std::tanh(x / p);
    default: return std::max(-p, std::min(p, x));
  }
}

void functions(kernels_device *device) {
  const float corners[] = {0.f, -0.f, 80.f, -80.f, 1e-30f, -1e-30f, 200.f, -20.f};
  for (int32_t function = KERNELS_SILU; function <= KERNELS_CLAMP; function++) {
    for (int64_t size : kSizes) {
      std::vector<float> values = draw(size, 5.f);
      for (size_t i = 0; i < values.size() && i < 8; i++) values[values.size() - 1 - i] = corners[i];
      const float p = 6.5f;
      Exact x(values);
      kernels_map(device, function, p, x.values, size);
      for (size_t i = 0; i < values.size(); i++) {
        const double expected = function_of(function, p, values[i]);
        expect(std::abs(x.values[i] - expected) <= 2e-6 + 2e-6 * std::abs(expected), "a function", function * 100000 + size,
               static_cast<int64_t>(i), x.values[i], expected);
      }
    }
    float odd[] = {std::nanf(""), std::numeric_limits<float>::infinity()};
    kernels_map(device, function, 2, odd, 2);
    expect(std::isnan(odd[0]), "a function of NaN", function, 0, odd[0], std::nan(""));
    expect(odd[1] >= 2, "a function of infinity", function, 1, odd[1], 2);
  }
}

}  // namespace

int main(int count, char **arguments) {
  int32_t tried = 0;
  for (int32_t isa : isas_of(count, arguments)) {
    current_isa = kernels_isa_name(isa);
    for (int32_t threads : {1, 3}) {
      kernels_device *device = nullptr;
      const int32_t status = kernels_open(isa, threads, &device);
      expect(status == KERNELS_OK, "open", threads, -1, status, KERNELS_OK);
      if (device == nullptr) continue;
      tried++;
      gather(device);
      additions(device);
      rms_norm(device);
      swi_glu(device);
      multiply(device);
      functions(device);
      kernels_close(device);
    }
  }
  kernels_device *none = nullptr;
  expect(kernels_open(99, 1, &none) == KERNELS_INVALID && none == nullptr, "open of no instruction set", 99, 0, 0, 0);
  expect(kernels_open(0, 0, &none) == KERNELS_INVALID && none == nullptr, "open without threads", 0, 0, 0, 0);
  expect(tried > 0, "instruction sets tried", 0, 0, tried, 1);
  std::printf("rowwise: %lld checks, %lld failures\n", static_cast<long long>(checks),
              static_cast<long long>(failures));
  return failures == 0 ? 0 : 1;
}
