// NVIDIA's driver, which is looked for when the first card is asked for: nothing of CUDA is needed to load this library.
#pragma once

#include <cuda.h>

#include <string>

namespace longform::card {

#define LONGFORM_DRIVER(F)                                                                                     \
  F(cuInit) F(cuDriverGetVersion) F(cuGetErrorName) F(cuGetErrorString) F(cuDeviceGetCount) F(cuDeviceGet)     \
  F(cuDeviceGetName) F(cuDeviceGetAttribute) F(cuDevicePrimaryCtxRetain) F(cuCtxSetCurrent)                    \
  F(cuModuleLoadData) F(cuModuleUnload) F(cuModuleGetFunction) F(cuFuncSetAttribute) F(cuLaunchKernel)         \
  F(cuMemAlloc_v2) F(cuMemFree_v2) F(cuMemGetInfo_v2) F(cuMemcpyAsync)                                          \
  F(cuMemsetD8Async)                                                                                           \
  F(cuStreamCreate) F(cuStreamDestroy_v2) F(cuStreamSynchronize)                                    \
  F(cuMemHostAlloc) F(cuMemFreeHost) F(cuMemHostGetDevicePointer_v2)                                           \
  F(cuEventCreate) F(cuEventDestroy_v2) F(cuEventRecord) F(cuEventSynchronize) F(cuStreamWaitEvent)

// Functions of libcuda.so.1; `missing` says why they cannot be called.
struct Driver {
#define LONGFORM_POINTER(name) decltype(&::name) name = nullptr;
  LONGFORM_DRIVER(LONGFORM_POINTER)
#undef LONGFORM_POINTER
  std::string missing;

  Driver();
  std::string text(CUresult result) const;
};

const Driver &driver();

// Throws CardLost where the driver fails: after a failed launch or copy the context answers nothing but this error.
void check(CUresult result, const char *doing);

inline CUdeviceptr address(const void *memory) { return reinterpret_cast<CUdeviceptr>(memory); }

}  // namespace longform::card
