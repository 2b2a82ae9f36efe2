#include "driver.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "card.h"

namespace longform::card {
namespace {

// of the numbers that CUDA has for itself, such as 12040
std::string release(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

}  // namespace

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
  // as nvidia-smi counts, by whose numbers Spark assigns them
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);
  const CUresult result = cuInit(0);
  // without a card cuDeviceGetCount has none
  if (result != CUDA_SUCCESS && result != CUDA_ERROR_NO_DEVICE) {
    missing = "the NVIDIA driver does not start (" + text(result) + ")";
    return;
  }
  int version = 0;
  if (cuDriverGetVersion(&version) == CUDA_SUCCESS && version / 1000 < CUDA_VERSION / 1000) {
    missing = "the NVIDIA driver is too old: it knows CUDA " + release(version) + ", and the kernels are made by " +
              release(CUDA_VERSION);
  }
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
