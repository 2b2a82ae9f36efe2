// Products by cuBLASLt, NVIDIA's library. It is looked for while a program runs: nothing of it is needed to build or to
// load ours, and where it is missing there is none.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gemm.h"

namespace longform::card {

// One handle of the library, for one card and one thread at a time. The card's context is the current one in all calls.
class Blas {
 public:
  virtual ~Blas() = default;

  // Memory of the card that products may use on the way, aligned to 256; it stays the caller's. Before the first one
  // there is none.
  virtual void lend(void *workspace, int64_t bytes) = 0;
  // Whether the library has a way for such a product. Looked up once for each shape.
  virtual bool multiplies(const Gemm &gemm) = 0;
  // Asks for it on a stream of the card. False if the library refuses: then nothing was asked for.
  virtual bool multiply(const Gemm &gemm, void *stream) = 0;
};

// Where a function of the library lies, by its name; nullptr if there is none.
using FindFunction = std::function<void *(const char *name)>;

// nullptr if a function is missing, or the library is too old or does not start.
std::unique_ptr<Blas> blas_of(const FindFunction &find);
// Which file it is, for those whose loader does not know it; empty: none.
constexpr const char *kBlasVariable = "LONGFORM_CUBLASLT";
// Files to look for, in this order; given: what the variable says, or nullptr.
std::vector<std::string> blas_files(const char *given);
// That of this machine: the newest that starts, or nullptr.
std::unique_ptr<Blas> find_blas();

}  // namespace longform::card
