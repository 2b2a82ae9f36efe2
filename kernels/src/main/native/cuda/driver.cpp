#include "driver.h"

#include <dlfcn.h>

#include "card.h"

namespace longform::card {

Driver::Driver() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    missing = "no NVIDIA driver: libcuda.so.1 is not found";
    return;
  }
#define LONGFORM_FIND(name)                                         \
  name = reinterpret_cast<decltype(name)>(dlsym(library, #name));   \
  if (name == nullptr) {                                            \
    missing = "the NVIDIA driver is too old: it has no " #name;     \
    return;                                                         \
  }
  LONGFORM_DRIVER(LONGFORM_FIND)
#undef LONGFORM_FIND
  const CUresult result = cuInit(0);
  if (result != CUDA_SUCCESS) missing = "the NVIDIA driver does not start (" + text(result) + ")";
}

std::string Driver::text(CUresult result) const {
  const char *name = nullptr, *words = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &words);
  return std::string(name == nullptr ? "an unknown error" : name) + (words == nullptr ? "" : std::string(": ") + words);
}

const Driver &driver() {
  static const Driver one;
  return one;
}

void check(CUresult result, const char *doing) {
  if (result == CUDA_SUCCESS) return;
  throw CardLost(std::string("the card fails while ") + doing + " (" + driver().text(result) + ")");
}

}  // namespace longform::card
