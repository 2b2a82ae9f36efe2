// How the card's library is spoken to, against one of our own that has its functions, as NVIDIA's documentation has
// them, for memory of the processor: which matrices it sees, what it is told about them, what is done with its answers,
// and that everything it makes is destroyed.
#include "cuda/blas.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace {

using longform::card::Blas;
using longform::card::Gemm;
using longform::test::end;
using longform::test::expect;

// --- the library ---

constexpr int kRefused = 15;  // CUBLAS_STATUS_NOT_SUPPORTED
constexpr int kInvalid = 7;   // CUBLAS_STATUS_INVALID_VALUE

struct Thing {
  int kind;
  std::map<int, uint64_t> attributes;
  int type = -1, compute = -1;
  uint64_t rows = 0, columns = 0;
  int64_t stride = 0;
};
enum Kind { kHandle, kProduct, kLayout, kPreference };

struct Answer {
  uint64_t algorithm[8];
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};

struct Fake {
  std::set<Thing *> things;
  std::string missing;  // a function
  size_t version = 130100;
  int create_status = 0, heuristic_status = 0, product_status = 0, answer_status = 0, answers = 1, set_status = 0;
  uint64_t workspace_asked = 0;
  int heuristics = 0, products = 0;
  void *stream = nullptr, *workspace = nullptr;
  size_t workspace_bytes = 0;
  std::map<int, uint64_t> preference;  // of the last heuristic

  int make(void **at, Thing thing) {
    *at = *things.insert(new Thing(std::move(thing))).first;
    return 0;
  }
  int destroy(void *thing, int kind) {
    const auto found = things.find(static_cast<Thing *>(thing));
    expect(found != things.end() && (*found)->kind == kind, "something else is destroyed");
    if (found == things.end()) return kInvalid;
    delete *found;
    things.erase(found);
    return 0;
  }
  Thing &of(void *thing, int kind) {
    const auto found = things.find(static_cast<Thing *>(thing));
    expect(found != things.end() && (*found)->kind == kind, "something else is used");
    return **found;
  }
};
Fake fake;

uint64_t number(const void *value, size_t bytes) {
  uint64_t word = 0;
  std::memcpy(&word, value, bytes);
  return word;
}

float wide(int type, const void *memory, int64_t i) {
  const uint16_t bits = static_cast<const uint16_t *>(memory)[i];
  if (type == 14) {
    const uint32_t word = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &word, 4);
    return value;
  }
  const float size = std::ldexp(static_cast<float>(1024 + (bits & 1023)), (bits >> 10 & 31) - 25);
  return bits & 0x8000 ? -size : size;
}

extern "C" {
size_t fakeGetVersion() { return fake.version; }
int fakeCreate(void **handle) {
  return fake.create_status != 0 ? fake.create_status : fake.make(handle, {kHandle, {}});
}
int fakeDestroy(void *handle) { return fake.destroy(handle, kHandle); }
int fakeDescCreate(void **product, int compute, int scale) {
  // sums and factors of float32
  expect(compute == 68 && scale == 0, "another arithmetic is asked for");
  return fake.make(product, {kProduct, {}});
}
int fakeDescDestroy(void *product) { return fake.destroy(product, kProduct); }
int fakeDescSet(void *product, int name, const void *value, size_t bytes) {
  expect(bytes == 4, "attributes of products have four bytes");
  fake.of(product, kProduct).attributes[name] = number(value, bytes);
  return fake.set_status;
}
int fakeLayoutCreate(void **layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  if (stride < static_cast<int64_t>(rows)) return kInvalid;
  Thing thing = {kLayout, {}};
  thing.type = type;
  thing.rows = rows;
  thing.columns = columns;
  thing.stride = stride;
  return fake.make(layout, thing);
}
int fakeLayoutDestroy(void *layout) { return fake.destroy(layout, kLayout); }
int fakePreferenceCreate(void **preference) { return fake.make(preference, {kPreference, {}}); }
int fakePreferenceDestroy(void *preference) { return fake.destroy(preference, kPreference); }
int fakePreferenceSet(void *preference, int name, const void *value, size_t bytes) {
  // uint64_t bytes of workspace, uint32_t alignments
  expect(name == 1 ? bytes == 8 : name >= 5 && name <= 8 && bytes == 4, "a preference of another size");
  fake.of(preference, kPreference).attributes[name] = number(value, bytes);
  return 0;
}

// The matrices must be such as can be multiplied.
bool fit(Thing &product, Thing &a, Thing &b, Thing &c, Thing &d) {
  // a is transposed, b is not
  return product.attributes[3] == 1 && product.attributes[4] == 0 && a.rows == b.rows && a.columns == d.rows &&
         b.columns == d.columns && c.rows == d.rows && c.columns == d.columns && a.type == b.type &&
         (a.type == 2 || a.type == 14) && c.type == 0 && d.type == 0;
}

int fakeHeuristic(void *handle, void *product, void *a, void *b, void *c, void *d, void *preference, int most,
                  Answer *answers, int *count) {
  fake.of(handle, kHandle);
  fake.heuristics++;
  fake.preference = fake.of(preference, kPreference).attributes;
  expect(fit(fake.of(product, kProduct), fake.of(a, kLayout), fake.of(b, kLayout), fake.of(c, kLayout),
             fake.of(d, kLayout)),
         "matrices that do not fit");
  expect(most == 1, "more answers than there is room for");
  if (fake.heuristic_status != 0) return fake.heuristic_status;
  *count = fake.answers;
  if (fake.answers == 0) return 0;
  Answer answer = {};
  answer.algorithm[0] = 0x600d;
  answer.algorithm[7] = 0x600d;
  answer.status = fake.answer_status;
  answer.workspace = fake.workspace_asked;
  *answers = answer;
  return 0;
}

// d = alpha aᵀ b + beta c, all counted along columns
int fakeMatmul(void *handle, void *product, const void *alpha, const void *a, void *of_a, const void *b, void *of_b,
               const void *beta, const void *c, void *of_c, void *d, void *of_d, const uint64_t *algorithm,
               void *workspace, size_t workspace_bytes, void *stream) {
  fake.of(handle, kHandle);
  fake.products++;
  fake.stream = stream;
  fake.workspace = workspace;
  fake.workspace_bytes = workspace_bytes;
  if (fake.product_status != 0) return fake.product_status;
  expect(algorithm[0] == 0x600d && algorithm[7] == 0x600d, "another algorithm");
  Thing &how = fake.of(product, kProduct), &left = fake.of(of_a, kLayout), &right = fake.of(of_b, kLayout);
  Thing &out = fake.of(of_d, kLayout);
  expect(*static_cast<const float *>(alpha) == 1 && *static_cast<const float *>(beta) == 0, "other factors");
  if (c != d || !fit(how, left, right, fake.of(of_c, kLayout), out)) {
    expect(false, "matrices that do not fit are multiplied");
    return kInvalid;
  }
  // fit() has seen that a is transposed
  for (int64_t column = 0; column < static_cast<int64_t>(out.columns); column++) {
    for (int64_t row = 0; row < static_cast<int64_t>(out.rows); row++) {
      double sum = 0;
      for (int64_t i = 0; i < static_cast<int64_t>(right.rows); i++) {
        sum += static_cast<double>(wide(left.type, a, row * left.stride + i)) *
               static_cast<double>(wide(right.type, b, column * right.stride + i));
      }
      static_cast<float *>(d)[column * out.stride + row] = static_cast<float>(sum);
    }
  }
  return 0;
}
}

void *find(const char *name) {
  const std::map<std::string, void *> functions = {
      {"cublasLtGetVersion", reinterpret_cast<void *>(fakeGetVersion)},
      {"cublasLtCreate", reinterpret_cast<void *>(fakeCreate)},
      {"cublasLtDestroy", reinterpret_cast<void *>(fakeDestroy)},
      {"cublasLtMatmulDescCreate", reinterpret_cast<void *>(fakeDescCreate)},
      {"cublasLtMatmulDescDestroy", reinterpret_cast<void *>(fakeDescDestroy)},
      {"cublasLtMatmulDescSetAttribute", reinterpret_cast<void *>(fakeDescSet)},
      {"cublasLtMatrixLayoutCreate", reinterpret_cast<void *>(fakeLayoutCreate)},
      {"cublasLtMatrixLayoutDestroy", reinterpret_cast<void *>(fakeLayoutDestroy)},
      {"cublasLtMatmulPreferenceCreate", reinterpret_cast<void *>(fakePreferenceCreate)},
      {"cublasLtMatmulPreferenceDestroy", reinterpret_cast<void *>(fakePreferenceDestroy)},
      {"cublasLtMatmulPreferenceSetAttribute", reinterpret_cast<void *>(fakePreferenceSet)},
      {"cublasLtMatmulAlgoGetHeuristic", reinterpret_cast<void *>(fakeHeuristic)},
      {"cublasLtMatmul", reinterpret_cast<void *>(fakeMatmul)},
  };
  const auto found = functions.find(name);
  return found == functions.end() || fake.missing == name ? nullptr : found->second;
}

std::unique_ptr<Blas> opened() { return longform::card::blas_of(find); }

// --- what is asked of it ---

std::mt19937 draws(3);

// Rows further apart than they are long; what lies between is no number, as `out` is before.
struct Question {
  int64_t dtype, rows, outer, inner;
  std::vector<uint16_t> x = drawn(rows, inner + 3), w = drawn(outer, inner + 5);
  std::vector<float> out = std::vector<float>(static_cast<size_t>(rows * (outer + 2)), std::nanf(""));

  std::vector<uint16_t> drawn(int64_t count, int64_t stride) const {
    std::vector<uint16_t> all(static_cast<size_t>(count * stride));
    for (size_t i = 0; i < all.size(); i++) {
      const unsigned sign = draws() & 0x8000, within = static_cast<int64_t>(i) % stride < inner ? 1 : 0;
      const unsigned finite = dtype == KERNELS_F16 ? 0x3000 + draws() % 0xc00 : 0x3e00 + draws() % 0x180;
      all[i] = static_cast<uint16_t>(within ? sign | finite : 0x7fff);
    }
    return all;
  }
  Gemm gemm() {
    Gemm all = {};
    all.dtype = dtype;
    all.x = x.data();
    all.w = w.data();
    all.out = out.data();
    all.rows = rows;
    all.outer = outer;
    all.inner = inner;
    all.x_stride = inner + 3;
    all.w_stride = inner + 5;
    all.out_stride = outer + 2;
    return all;
  }
  bool answered() const {
    const int type = dtype == KERNELS_F16 ? 2 : 14;
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t o = 0; o < outer + 2; o++) {
        const float found = out[static_cast<size_t>(r * (outer + 2) + o)];
        if (o >= outer) {
          if (!std::isnan(found)) return false;
          continue;
        }
        double sum = 0;
        for (int64_t i = 0; i < inner; i++) {
          sum += static_cast<double>(wide(type, x.data(), r * (inner + 3) + i)) *
                 static_cast<double>(wide(type, w.data(), o * (inner + 5) + i));
        }
        if (!(std::fabs(static_cast<double>(found) - sum) <= 1e-5 * (1 + std::fabs(sum)))) return false;
      }
    }
    return true;
  }
};

void products() {
  fake = Fake();
  {
    const std::unique_ptr<Blas> blas = opened();
    expect(blas != nullptr, "a library is not taken");
    int stream = 0;
    for (int64_t dtype : {KERNELS_F16, KERNELS_BF16}) {
      for (int64_t rows : {1, 6}) {
        for (int64_t outer : {1, 9}) {
          for (int64_t inner : {1, 33}) {
            Question question = {dtype, rows, outer, inner};
            expect(blas->multiplies(question.gemm()) && blas->multiply(question.gemm(), &stream) && question.answered(),
                   "the product is wrong");
          }
        }
      }
    }
    expect(fake.stream == &stream && fake.products == 16, "another stream, or other products");
  }
  expect(fake.things.empty(), "something is not destroyed");
}

// One look-up for each shape and alignment, however often it is asked for; a bounded number is kept.
void looked_up_once() {
  fake = Fake();
  const std::unique_ptr<Blas> blas = opened();
  alignas(256) char memory[1024] = {};
  Question question = {KERNELS_F16, 2, 3, 8};
  Gemm gemm = question.gemm();
  gemm.x = memory;
  gemm.w = memory + 2;
  gemm.out = reinterpret_cast<float *>(memory + 16);
  for (int i = 0; i < 5; i++) expect(blas->multiplies(gemm), "it does not");
  expect(fake.heuristics == 1, "looked up again");
  expect(fake.preference[6] == 256 && fake.preference[5] == 2 && fake.preference[7] == 16 && fake.preference[8] == 16,
         "alignments of a, b, c and d are not those of w, x, out and out");
  gemm.x = nullptr;
  blas->multiplies(gemm);
  gemm.x = memory + 512;
  blas->multiplies(gemm);
  expect(fake.heuristics == 1, "addresses that are as well aligned are looked up");
  gemm.w = memory + 4;
  blas->multiplies(gemm);
  expect(fake.heuristics == 2, "another alignment is not looked up");
  Gemm others[] = {gemm, gemm, gemm, gemm, gemm, gemm, gemm};
  others[0].rows++;
  others[1].outer++;
  others[2].inner--;
  others[3].dtype = KERNELS_BF16;
  others[4].x_stride++;
  others[5].w_stride++;
  others[6].out_stride++;
  for (const Gemm &other : others) blas->multiplies(other);
  expect(fake.heuristics == 9, "another shape is not looked up");
  size_t most = 0;
  for (int i = 0; i < 5000; i++) {
    gemm.rows = 10 + i;
    blas->multiplies(gemm);
    most = std::max(most, fake.things.size());
  }
  expect(most < 5000, "all shapes are kept");
}

void workspace() {
  fake = Fake();
  const std::unique_ptr<Blas> blas = opened();
  Question question = {KERNELS_F16, 2, 3, 8};
  expect(blas->multiply(question.gemm(), nullptr) && fake.workspace == nullptr && fake.workspace_bytes == 0 &&
             fake.preference[1] == 0,
         "a workspace that nobody lent");
  fake.workspace_asked = 1;
  Question larger = {KERNELS_F16, 3, 3, 8};
  expect(!blas->multiplies(larger.gemm()), "an algorithm that wants more than there is");
  int64_t memory = 0;
  blas->lend(&memory, 4096);
  fake.workspace_asked = 4096;
  expect(blas->multiply(question.gemm(), nullptr) && fake.workspace == &memory && fake.workspace_bytes == 4096 &&
             fake.preference[1] == 4096,
         "the workspace is not used");
  expect(blas->multiply(larger.gemm(), nullptr) && larger.answered(), "what was refused without workspace still is");
}

// Whatever goes wrong, the answer is no, and nothing is left.
void refusals() {
  for (const char *name : {"cublasLtCreate", "cublasLtMatmul", "cublasLtMatmulAlgoGetHeuristic",
                           "cublasLtGetVersion"}) {
    fake = Fake();
    fake.missing = name;
    expect(opened() == nullptr, std::string("a library without ") + name);
  }
  fake = Fake();
  fake.version = 10202;
  expect(opened() == nullptr && fake.things.empty(), "a library that is too old");
  fake = Fake();
  fake.create_status = 1;
  expect(opened() == nullptr, "a library that does not start");
  for (int what = 0; what < 5; what++) {
    fake = Fake();
    {
      const std::unique_ptr<Blas> blas = opened();
      if (what == 0) fake.heuristic_status = kRefused;
      if (what == 1) fake.answers = 0;
      if (what == 2) fake.answer_status = kRefused;
      if (what == 3) fake.set_status = kInvalid;
      Question question = {KERNELS_BF16, 2, 3, 8};
      Gemm gemm = question.gemm();
      // rows that reach into each other
      if (what == 4) gemm.w_stride = 7;
      expect(!blas->multiplies(gemm) && !blas->multiply(gemm, nullptr) && fake.products == 0,
             "a product that the library does not do: " + std::to_string(what));
      expect(what >= 3 || fake.heuristics == 1, "a refusal is not kept");
    }
    expect(fake.things.empty(), "something is not destroyed");
  }
  fake = Fake();
  const std::unique_ptr<Blas> blas = opened();
  fake.product_status = 14;
  Question question = {KERNELS_F16, 2, 3, 8};
  expect(blas->multiplies(question.gemm()) && !blas->multiply(question.gemm(), nullptr), "a product that failed");
  expect(!blas->multiplies(question.gemm()) && !blas->multiply(question.gemm(), nullptr) && fake.products == 1,
         "what failed is asked for again");
}

}  // namespace

int main() {
  products();
  looked_up_once();
  workspace();
  refusals();
  using Files = std::vector<std::string>;
  expect(longform::card::blas_files("/opt/here/libcublasLt.so.13") == Files{"/opt/here/libcublasLt.so.13"},
         "another library than the one that was named");
  expect(longform::card::blas_files("").empty(), "a library is looked for that is not wanted");
  const Files usual = longform::card::blas_files(nullptr);
  expect(usual.size() > 2 && usual.front() == "libcublasLt.so.13", "the newest does not come first");
  // where there is none that is an answer, too
  const std::unique_ptr<Blas> here = longform::card::find_blas();
  return end("blas", here == nullptr ? "; no cuBLASLt here" : "; cuBLASLt is here");
}
