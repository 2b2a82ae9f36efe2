#include "blas.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <map>

#include "../kernels.h"

namespace longform::card {
namespace {

// What is called of cublasLt.h, with its values; these are the same in versions 11 to 13. Enumerations are ints there.
constexpr int kSuccess = 0;                      // CUBLAS_STATUS_SUCCESS
constexpr int kFloat32 = 0;                      // CUDA_R_32F
constexpr int kFloat16 = 2;                      // CUDA_R_16F
constexpr int kBfloat16 = 14;                    // CUDA_R_16BF
constexpr int kSumsOfFloat32 = 68;               // CUBLAS_COMPUTE_32F
constexpr int kTransposeA = 3;                   // CUBLASLT_MATMUL_DESC_TRANSA
constexpr int32_t kTransposed = 1;               // CUBLAS_OP_T
constexpr int kMostWorkspace = 1;                // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES
constexpr int kLeastAlignment[] = {5, 6, 7, 8};  // CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_{A,B,C,D}_BYTES
// before it a matrix product was described in another way
constexpr size_t kOldestVersion = 110000;

struct Algorithm {  // cublasLtMatmulAlgo_t
  uint64_t words[8];
};

struct Found {  // cublasLtMatmulHeuristicResult_t
  Algorithm algorithm;
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};
static_assert(sizeof(Found) == 96, "the library writes so many bytes");

#define LONGFORM_BLAS(F)                                                                                            \
  F(cublasLtGetVersion, size_t, (void))                                                                             \
  F(cublasLtCreate, int, (void **handle))                                                                           \
  F(cublasLtDestroy, int, (void *handle))                                                                           \
  F(cublasLtMatmulDescCreate, int, (void **product, int compute, int scale))                                        \
  F(cublasLtMatmulDescDestroy, int, (void *product))                                                                \
  F(cublasLtMatmulDescSetAttribute, int, (void *product, int name, const void *value, size_t bytes))                \
  F(cublasLtMatrixLayoutCreate, int, (void **layout, int type, uint64_t rows, uint64_t columns, int64_t stride))    \
  F(cublasLtMatrixLayoutDestroy, int, (void *layout))                                                               \
  F(cublasLtMatmulPreferenceCreate, int, (void **preference))                                                       \
  F(cublasLtMatmulPreferenceDestroy, int, (void *preference))                                                       \
  F(cublasLtMatmulPreferenceSetAttribute, int, (void *preference, int name, const void *value, size_t bytes))       \
  F(cublasLtMatmulAlgoGetHeuristic, int,                                                                            \
    (void *handle, void *product, void *a, void *b, void *c, void *d, void *preference, int most, Found *found,     \
     int *count))                                                                                                   \
  F(cublasLtMatmul, int,                                                                                            \
    (void *handle, void *product, const void *alpha, const void *a, void *of_a, const void *b, void *of_b,          \
     const void *beta, const void *c, void *of_c, void *d, void *of_d, const Algorithm *algorithm, void *workspace, \
     size_t workspace_bytes, void *stream))

struct Functions {
#define LONGFORM_POINTER(name, Answer, arguments) Answer(*name) arguments = nullptr;
  LONGFORM_BLAS(LONGFORM_POINTER)
#undef LONGFORM_POINTER

  // Whether all are there.
  bool look_up(const FindFunction &find) {
#define LONGFORM_FIND(name, Answer, arguments)             \
  name = reinterpret_cast<decltype(name)>(find(#name));    \
  if (name == nullptr) return false;
    LONGFORM_BLAS(LONGFORM_FIND)
#undef LONGFORM_FIND
    return true;
  }
};

// What the library makes and destroys.
class Owned {
 public:
  Owned() = default;
  Owned(const Owned &) = delete;
  Owned &operator=(const Owned &) = delete;
  ~Owned() {
    if (made_ != nullptr) destroy_(made_);
  }

  // make(void **) answers a status.
  template <typename Make>
  bool make(int (*destroy)(void *), Make make) {
    destroy_ = destroy;
    if (make(&made_) == kSuccess) return true;
    made_ = nullptr;
    return false;
  }
  void *get() const { return made_; }

 private:
  void *made_ = nullptr;
  int (*destroy_)(void *) = nullptr;
};

// How the library does products of one shape. It counts along columns: our rows are its columns, so it is asked for
// outᵀ (outer, rows) = w · xᵀ, where w is what it sees transposed.
struct Plan {
  Owned product, w, x, out;
  Algorithm algorithm = {};
  bool found = false;
};

// What an address can be divided by, of what algorithms ask for.
uint32_t alignment_of(const void *address) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(address) | 256;
  return static_cast<uint32_t>(at & (~at + 1));
}

// All that an algorithm is chosen by.
using Shape = std::array<int64_t, 10>;

Shape shape_of(const Gemm &gemm) {
  return {gemm.dtype,    gemm.rows,     gemm.outer,      gemm.inner,           gemm.x_stride,
          gemm.w_stride, gemm.out_stride, alignment_of(gemm.x), alignment_of(gemm.w), alignment_of(gemm.out)};
}

class CublasLt : public Blas {
 public:
  CublasLt(const Functions &functions, void *handle) : call_(functions), handle_(handle) {}

  ~CublasLt() override {
    plans_.clear();
    call_.cublasLtDestroy(handle_);
  }

  void lend(void *workspace, int64_t bytes) override {
    workspace_ = workspace;
    workspace_bytes_ = static_cast<size_t>(bytes);
    // algorithms were chosen for what was there before
    plans_.clear();
  }

  bool multiplies(const Gemm &gemm) override { return plan(gemm).found; }

  bool multiply(const Gemm &gemm, void *stream) override {
    Plan &chosen = plan(gemm);
    if (!chosen.found) return false;
    const float alpha = 1, beta = 0;
    // what fails once is not asked for again; if the card is lost the next kernel says so
    chosen.found = call_.cublasLtMatmul(handle_, chosen.product.get(), &alpha, gemm.w, chosen.w.get(), gemm.x,
                                        chosen.x.get(), &beta, gemm.out, chosen.out.get(), gemm.out, chosen.out.get(),
                                        &chosen.algorithm, workspace_, workspace_bytes_, stream) == kSuccess;
    return chosen.found;
  }

 private:
  // A model has a few matrices, and documents end with any number of tokens.
  static constexpr size_t kMostPlans = 1000;

  Plan &plan(const Gemm &gemm) {
    const Shape shape = shape_of(gemm);
    const auto known = plans_.find(shape);
    if (known != plans_.end()) return known->second;
    if (plans_.size() >= kMostPlans) plans_.clear();
    Plan &made = plans_[shape];
    made.found = describe(gemm, made) && choose(gemm, made);
    return made;
  }

  bool describe(const Gemm &gemm, Plan &made) const {
    const int type = gemm.dtype == KERNELS_F16 ? kFloat16 : kBfloat16;
    const uint64_t rows = static_cast<uint64_t>(gemm.rows), outer = static_cast<uint64_t>(gemm.outer);
    const uint64_t inner = static_cast<uint64_t>(gemm.inner);
    const auto layout = [&](Owned &of, int of_type, uint64_t columns, uint64_t count, int64_t stride) {
      return of.make(call_.cublasLtMatrixLayoutDestroy, [&](void **at) {
        return call_.cublasLtMatrixLayoutCreate(at, of_type, columns, count, stride);
      });
    };
    return made.product.make(call_.cublasLtMatmulDescDestroy,
                             [&](void **at) { return call_.cublasLtMatmulDescCreate(at, kSumsOfFloat32, kFloat32); }) &&
           call_.cublasLtMatmulDescSetAttribute(made.product.get(), kTransposeA, &kTransposed, sizeof kTransposed) ==
               kSuccess &&
           layout(made.w, type, inner, outer, gemm.w_stride) && layout(made.x, type, inner, rows, gemm.x_stride) &&
           layout(made.out, kFloat32, outer, rows, gemm.out_stride);
  }

  bool choose(const Gemm &gemm, Plan &made) const {
    Owned preference;
    const uint64_t workspace = workspace_bytes_;
    bool set = preference.make(call_.cublasLtMatmulPreferenceDestroy, [&](void **at) {
                 return call_.cublasLtMatmulPreferenceCreate(at);
               }) &&
               call_.cublasLtMatmulPreferenceSetAttribute(preference.get(), kMostWorkspace, &workspace,
                                                          sizeof workspace) == kSuccess;
    const void *addresses[] = {gemm.w, gemm.x, gemm.out, gemm.out};
    for (int i = 0; i < 4 && set; i++) {
      const uint32_t bytes = alignment_of(addresses[i]);
      set = call_.cublasLtMatmulPreferenceSetAttribute(preference.get(), kLeastAlignment[i], &bytes, sizeof bytes) ==
            kSuccess;
    }
    if (!set) return false;
    Found best = {};
    int count = 0;
    const int status =
        call_.cublasLtMatmulAlgoGetHeuristic(handle_, made.product.get(), made.w.get(), made.x.get(), made.out.get(),
                                             made.out.get(), preference.get(), 1, &best, &count);
    made.algorithm = best.algorithm;
    return status == kSuccess && count > 0 && best.status == kSuccess && best.workspace_bytes <= workspace_bytes_;
  }

  const Functions call_;
  void *const handle_;
  void *workspace_ = nullptr;
  size_t workspace_bytes_ = 0;
  std::map<Shape, Plan> plans_;
};

}  // namespace

std::unique_ptr<Blas> blas_of(const FindFunction &find) {
  Functions functions;
  if (!functions.look_up(find) || functions.cublasLtGetVersion() < kOldestVersion) return nullptr;
  void *handle = nullptr;
  if (functions.cublasLtCreate(&handle) != kSuccess) return nullptr;
  return std::make_unique<CublasLt>(functions, handle);
}

std::vector<std::string> blas_files(const char *given) {
  if (given != nullptr) return *given == '\0' ? std::vector<std::string>{} : std::vector<std::string>{given};
  return {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so", "/usr/local/cuda/lib64/libcublasLt.so"};
}

std::unique_ptr<Blas> find_blas() {
  for (const std::string &name : blas_files(getenv(kBlasVariable))) {
    void *file = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) continue;
    std::unique_ptr<Blas> blas = blas_of([file](const char *function) { return dlsym(file, function); });
    // it stays for as long as the process: the next card finds it loaded
    if (blas != nullptr) return blas;
    // newer than the driver, perhaps
    dlclose(file);
  }
  return nullptr;
}

}  // namespace longform::card
