// A driver without a card, as libcuda.so.1: memory is the host's, and what is asked for is done as late as a stream allows, so
// that whoever overwrites what is still to be copied is found.
#include "fake.h"

#include <cuda.h>
#include <string.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <vector>

namespace {

FakeDriver state = [] {
  FakeDriver first = {};
  first.limit = int64_t{1} << 30;
  first.cuda = CUDA_VERSION;
  return first;
}();
std::map<uintptr_t, size_t> memory, pinned;
std::map<uintptr_t, unsigned> pinned_flags;
std::deque<std::function<void()>> stream;
int64_t asked = 0, done = 0; // of the stream

void work(int64_t until) {
  for (; done < until; done++) {
    stream.front()();
    stream.pop_front();
  }
}

void ask(std::function<void()> job) {
  stream.push_back(std::move(job));
  asked++;
}

bool holds(const std::map<uintptr_t, size_t> &blocks, uintptr_t at, size_t bytes) {
  auto after = blocks.upper_bound(at);
  if (after == blocks.begin()) return false;
  --after;
  return at + bytes <= after->first + after->second;
}

// Streams are counted from 1; each event has where it is and its letter.
struct Event {
  int64_t before = 0;
  char name;
};
int64_t streams = 0;
char events = 0;

void note(char what, CUstream on, const Event *event) {
  char text[8] = {what, static_cast<char>('0' + reinterpret_cast<uintptr_t>(on)), event == nullptr ? '\0' : event->name};
  if (strlen(state.calls) + strlen(text) < sizeof state.calls) strcat(state.calls, text);
}

void *pointer(CUdeviceptr address) { return reinterpret_cast<void *>(address); }

}  // namespace

extern "C" {

FakeDriver *fake_driver() { return &state; }

CUresult CUDAAPI cuInit(unsigned) { return state.has_no_card != 0 ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS; }
CUresult CUDAAPI cuDriverGetVersion(int *version) { return *version = state.cuda, CUDA_SUCCESS; }
CUresult CUDAAPI cuGetErrorName(CUresult result, const char **name) {
  *name = result == CUDA_ERROR_LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR_OTHER";
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGetErrorString(CUresult, const char **text) {
  *text = "as the test wants";
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuDeviceGetCount(int *count) { return *count = state.has_no_card != 0 ? 0 : 1, CUDA_SUCCESS; }
CUresult CUDAAPI cuDeviceGet(CUdevice *device, int number) { return *device = number, CUDA_SUCCESS; }
CUresult CUDAAPI cuDeviceGetName(char *name, int length, CUdevice) {
  strncpy(name, "a driver of tests", static_cast<size_t>(length));
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuDeviceGetAttribute(int *value, CUdevice_attribute, CUdevice) { return *value = 9, CUDA_SUCCESS; }
CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  *context = reinterpret_cast<CUcontext>(&state);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuCtxSetCurrent(CUcontext context) {
  return context == reinterpret_cast<CUcontext>(&state) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
CUresult CUDAAPI cuModuleLoadData(CUmodule *, const void *) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuModuleGetFunction(CUfunction *, CUmodule, const char *) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                                CUstream on, void **, void **) {
  state.launches++;
  note('L', on, nullptr);
  return state.is_lost != 0 ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemAlloc(CUdeviceptr *address, size_t bytes) {
  if (state.used + static_cast<int64_t>(bytes) > state.limit) return CUDA_ERROR_OUT_OF_MEMORY;
  void *block = ::operator new(bytes);
  memory[reinterpret_cast<uintptr_t>(block)] = bytes;
  state.used += static_cast<int64_t>(bytes);
  *address = reinterpret_cast<CUdeviceptr>(block);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemFree(CUdeviceptr address) {
  work(asked);
  const auto found = memory.find(static_cast<uintptr_t>(address));
  if (found == memory.end()) return CUDA_ERROR_INVALID_VALUE;
  state.used -= static_cast<int64_t>(found->second);
  ::operator delete(pointer(address));
  memory.erase(found);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemGetInfo(size_t *free, size_t *all) {
  *free = static_cast<size_t>(state.limit - state.used);
  *all = static_cast<size_t>(state.limit);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
  if (state.refuses_pinned != 0) return static_cast<CUresult>(state.refuses_pinned);
  *address = ::operator new(bytes);
  pinned[reinterpret_cast<uintptr_t>(*address)] = bytes;
  pinned_flags[reinterpret_cast<uintptr_t>(*address)] = flags;
  state.pinned += static_cast<int64_t>(bytes);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemHostGetDevicePointer(CUdeviceptr *there, void *address, unsigned) {
  const unsigned mapped = CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_PORTABLE;
  if (pinned_flags[reinterpret_cast<uintptr_t>(address)] != mapped) return CUDA_ERROR_INVALID_VALUE;
  *there = reinterpret_cast<CUdeviceptr>(address) + (state.pins_elsewhere != 0 ? 4096 : 0);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemFreeHost(void *address) {
  work(asked);
  const auto found = pinned.find(reinterpret_cast<uintptr_t>(address));
  if (found == pinned.end()) return CUDA_ERROR_INVALID_VALUE;
  state.pinned -= static_cast<int64_t>(found->second);
  ::operator delete(address);
  pinned.erase(found);
  pinned_flags.erase(reinterpret_cast<uintptr_t>(address));
  return CUDA_SUCCESS;
}

bool is_mapped(CUdeviceptr at) {
  const auto after = pinned_flags.upper_bound(static_cast<uintptr_t>(at));
  return after != pinned_flags.begin() && (std::prev(after)->second & CU_MEMHOSTALLOC_DEVICEMAP) != 0;
}

// Each end is what it is by its address. Between two that are the host's the host waits.
CUresult CUDAAPI cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream) {
  const bool is_pinned[] = {holds(pinned, static_cast<uintptr_t>(to), bytes),
                            holds(pinned, static_cast<uintptr_t>(from), bytes)};
  const bool is_there[] = {holds(memory, static_cast<uintptr_t>(to), bytes),
                           holds(memory, static_cast<uintptr_t>(from), bytes)};
  for (int end : {0, 1}) {
    if (!is_pinned[end] && !is_there[end]) state.pageable++;
  }
  // only the host may change what it gave: what the card wrote to is in the order of the stream
  std::vector<char> then;
  if (!is_there[1] && !is_mapped(from)) {
    then.assign(static_cast<char *>(pointer(from)), static_cast<char *>(pointer(from)) + bytes);
  }
  ask([=] {
    if (!then.empty() && memcmp(then.data(), pointer(from), bytes) != 0) state.late_changes++;
    memcpy(pointer(to), pointer(from), bytes);
  });
  if (!is_there[0] && !is_there[1]) work(asked);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream) {
  ask([=] { memset(pointer(to), value, bytes); });
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamCreate(CUstream *on, unsigned) {
  *on = reinterpret_cast<CUstream>(++streams);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuStreamDestroy(CUstream) {
  streams--;
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuStreamWaitEvent(CUstream on, CUevent event, unsigned) {
  note('W', on, reinterpret_cast<Event *>(event));
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuStreamSynchronize(CUstream) {
  if (state.is_lost != 0) return CUDA_ERROR_LAUNCH_FAILED;
  state.waits++;
  work(asked);
  return CUDA_SUCCESS;
}
// an event is how much of the stream is before it
CUresult CUDAAPI cuEventCreate(CUevent *event, unsigned) {
  *event = reinterpret_cast<CUevent>(new Event{0, static_cast<char>('a' + events++ % 26)});
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuEventDestroy(CUevent event) {
  delete reinterpret_cast<Event *>(event);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuEventRecord(CUevent event, CUstream on) {
  note('R', on, reinterpret_cast<Event *>(event));
  reinterpret_cast<Event *>(event)->before = asked;
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuEventSynchronize(CUevent event) {
  state.waits++;
  work(std::max(done, reinterpret_cast<Event *>(event)->before));
  return CUDA_SUCCESS;
}
}
