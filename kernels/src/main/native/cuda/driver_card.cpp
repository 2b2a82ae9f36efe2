// A real card through NVIDIA's driver.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "blas.h"
#include "card.h"
#include "driver.h"
#include "driver_staging.h"
#include "sizes.h"

extern "C" const unsigned char longform_card_image[];

namespace longform::card {
namespace {

const char *const kNames[] = {
#define LONGFORM_CARD_NAME(name, Args) #name,
    LONGFORM_CARD_KERNELS(LONGFORM_CARD_NAME)
#undef LONGFORM_CARD_NAME
};

int attribute(CUdevice device, CUdevice_attribute name) {
  int value = 0;
  check(driver().cuDeviceGetAttribute(&value, name, device), "it is asked what it is");
  return value;
}

// Memory of operations: taken once, used again.
class Arena {
 public:
  // bytes from the last block, or nullptr if they do not fit
  void *take(int64_t bytes) {
    const int64_t rounded = (bytes + 255) / 256 * 256;
    if (blocks_.empty() || used_ + rounded > blocks_.back().bytes) return nullptr;
    void *memory = blocks_.back().memory + used_;
    used_ += rounded;
    return memory;
  }

  void add(void *memory, int64_t bytes) {
    blocks_.push_back({static_cast<char *>(memory), bytes});
    used_ = 0;
  }

  // All blocks: the caller frees them, and may add one that is as large as all.
  std::vector<void *> clear(int64_t *bytes) {
    std::vector<void *> all;
    *bytes = 0;
    for (const Block &block : blocks_) {
      all.push_back(block.memory);
      *bytes += block.bytes;
    }
    blocks_.clear();
    used_ = 0;
    return all;
  }

  bool is_one_block() const { return blocks_.size() <= 1; }
  void rewind() { used_ = 0; }

 private:
  struct Block {
    char *memory;
    int64_t bytes;
  };
  std::vector<Block> blocks_;
  int64_t used_ = 0;
};

class DriverCard : public Card {
 public:
  explicit DriverCard(int32_t number) {
    const Driver &cuda = driver();
    check(cuda.cuDeviceGet(&device_, number), "it is opened");
    // Never released: the process' end does that. A card that is opened again would wait for another context, and
    // libraries that stay loaded would know the old one.
    check(cuda.cuDevicePrimaryCtxRetain(&context_, device_), "it is opened");
    current();
    check(cuda.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "it is opened");
    check(cuda.cuStreamCreate(&ahead_, CU_STREAM_NON_BLOCKING), "it is opened");
    for (CUevent *event : {&asked_, &ahead_done_}) check(cuda.cuEventCreate(event, CU_EVENT_DISABLE_TIMING), "it is opened");
    staging_ = std::make_unique<Staging>(stream_);
    const CUresult loaded = cuda.cuModuleLoadData(&module_, longform_card_image);
    check(loaded, "its kernels are loaded");
    for (size_t i = 0; i < functions_.size(); i++) {
      check(cuda.cuModuleGetFunction(&functions_[i], module_, kNames[i]), "its kernels are loaded");
      // more than 48 KB of shared memory only if asked for
      check(cuda.cuFuncSetAttribute(functions_[i], CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                    static_cast<int>(bytes_of_tiles(kHeadSizes[kHeadSizeCount - 1]))),
            "its kernels are loaded");
    }
    processors_ = attribute(device_, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    int64_t left = 0, all = 0;
    free_bytes(&left, &all);
    spared_bytes_ = std::max(kLeastSpared, all / 128);
  }

  ~DriverCard() override {
    const Driver &cuda = driver();
    if (cuda.cuCtxSetCurrent(context_) != CUDA_SUCCESS) return;
    cuda.cuStreamSynchronize(stream_);
    staging_->close();
    int64_t bytes;
    for (void *block : arena_.clear(&bytes)) cuda.cuMemFree_v2(address(block));
    blas_.reset();
    if (workspace_ != nullptr) cuda.cuMemFree_v2(address(workspace_));
    cuda.cuModuleUnload(module_);
    for (CUevent event : {asked_, ahead_done_}) cuda.cuEventDestroy_v2(event);
    cuda.cuStreamDestroy_v2(ahead_);
    cuda.cuStreamDestroy_v2(stream_);
  }

  void *allocate(int64_t bytes) override {
    current();
    CUdeviceptr memory = 0;
    CUresult result = driver().cuMemAlloc_v2(&memory, static_cast<size_t>(bytes));
    if (result == CUDA_ERROR_OUT_OF_MEMORY) full(bytes);
    check(result, "memory is taken");
    return reinterpret_cast<void *>(memory);
  }

  void release(void *memory) noexcept override {
    if (driver().cuCtxSetCurrent(context_) == CUDA_SUCCESS) driver().cuMemFree_v2(address(memory));
  }

  void *allocate_pinned(int64_t bytes) override {
    current();
    void *memory = nullptr;
    // for all threads, whatever card they turned to last
    const unsigned flags = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP;
    const CUresult result = driver().cuMemHostAlloc(&memory, static_cast<size_t>(bytes), flags);
    // why the system refuses has several names; a card that is lost answers nothing else, either
    if (result != CUDA_SUCCESS && driver().cuStreamSynchronize(stream_) == CUDA_SUCCESS) {
      throw CardFull("the system has no room for " + std::to_string(bytes) + " bytes of pinned memory (" +
                     driver().text(result) + ")");
    }
    check(result, "pinned memory is taken");
    CUdeviceptr there = 0;
    const CUresult seen = driver().cuMemHostGetDevicePointer_v2(&there, memory, 0);
    if (seen != CUDA_SUCCESS || there != address(memory)) {
      driver().cuMemFreeHost(memory);
      throw NotHere("the card does not see pinned memory where the host does");
    }
    return memory;
  }

  void release_pinned(void *memory) noexcept override {
    if (driver().cuCtxSetCurrent(context_) == CUDA_SUCCESS) driver().cuMemFreeHost(memory);
  }

  void *scratch(int64_t bytes) override {
    void *memory = arena_.take(bytes);
    if (memory != nullptr) return memory;
    const int64_t block = std::max(bytes, kLeastBlock) + 256;
    try {
      arena_.add(allocate(block), block);
    } catch (const CardFull &) {
      // a full card may still have what this operation needs
      arena_.add(allocate(bytes + 256), bytes + 256);
    }
    return arena_.take(bytes);
  }

  void end() noexcept override {
    arena_.rewind();
    if (arena_.is_one_block()) return;
    // the next operation like this one finds one block
    int64_t bytes = 0;
    current_or_lost();
    driver().cuStreamSynchronize(stream_);
    for (void *block : arena_.clear(&bytes)) driver().cuMemFree_v2(address(block));
    CUdeviceptr memory = 0;
    if (driver().cuMemAlloc_v2(&memory, static_cast<size_t>(bytes)) == CUDA_SUCCESS) {
      arena_.add(reinterpret_cast<void *>(memory), bytes);
    }
  }

  int64_t shrink() noexcept override {
    int64_t bytes = 0;
    current_or_lost();
    for (void *block : arena_.clear(&bytes)) driver().cuMemFree_v2(address(block));
    return bytes;
  }

  void upload(void *to, const void *from, int64_t bytes) override {
    current();
    staging_->upload(to, from, bytes);
  }

  void download(void *to, const void *from, int64_t bytes) override {
    current();
    staging_->download(to, from, bytes);
  }

  void zero(void *memory, int64_t bytes) override {
    current();
    check(driver().cuMemsetD8Async(address(memory), 0, static_cast<size_t>(bytes), stream_), "memory is zeroed");
  }

  void copy(void *to, const void *from, int64_t bytes) override {
    current();
    check(driver().cuMemcpyAsync(address(to), address(from), static_cast<size_t>(bytes), stream_), "it copies");
  }

  void launch(Kernel kernel, const Grid &grid, const void *args) override { launch(kernel, grid, args, stream_); }

  void wait() override {
    current();
    check(driver().cuStreamSynchronize(stream_), "kernels run");
    staging_->rewind();
  }

  void launch_ahead(Kernel kernel, const Grid &grid, const void *args) override { launch(kernel, grid, args, ahead_); }
  void let_ahead_wait() override { order(asked_, stream_, ahead_); }
  void wait_for_ahead() override { order(ahead_done_, ahead_, stream_); }

  bool multiplies(const Gemm &gemm) override {
    current();
    return blas() != nullptr && blas_->multiplies(gemm);
  }

  bool multiply(const Gemm &gemm) override {
    current();
    return blas() != nullptr && blas_->multiply(gemm, stream_);
  }

  int64_t processors() const override { return processors_; }
  int64_t spared_bytes() const override { return spared_bytes_; }

  void free_bytes(int64_t *free_now, int64_t *all) const override {
    current();
    size_t left = 0, total = 0;
    check(driver().cuMemGetInfo_v2(&left, &total), "it is asked for its memory");
    *free_now = static_cast<int64_t>(left);
    *all = static_cast<int64_t>(total);
  }

 private:
  static constexpr int64_t kLeastBlock = int64_t{64} << 20;
  // Or a 128th of a larger card: full attention takes 536 bytes of scratch for each row, so that 80 GB leave enough for a
  // million rows, whatever else they hold.
  static constexpr int64_t kLeastSpared = int64_t{192} << 20;

  void launch(Kernel kernel, const Grid &grid, const void *args, CUstream stream) {
    current();
    void *parameters[] = {const_cast<void *>(args)};
    const size_t number = static_cast<size_t>(kernel);
    const CUresult result = driver().cuLaunchKernel(
        functions_[number], static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z),
        kThreads, 1, 1, static_cast<unsigned>(grid.shared_bytes), stream, parameters, nullptr);
    if (result != CUDA_SUCCESS) check(result, ("it launches " + std::string(kNames[number])).c_str());
  }

  // What one stream was asked for so far comes before what the other one is asked for from now on.
  void order(CUevent event, CUstream before, CUstream after) {
    current();
    check(driver().cuEventRecord(event, before), "its streams wait for each other");
    check(driver().cuStreamWaitEvent(after, event, 0), "its streams wait for each other");
  }

  [[noreturn]] void full(int64_t bytes) const {
    int64_t free_now = 0, all = 0;
    free_bytes(&free_now, &all);
    throw CardFull("the card has no room for " + std::to_string(bytes) + " bytes (" + std::to_string(free_now) +
                   " of " + std::to_string(all) + " are free)");
  }

  // nullptr if it is not here. Looked for when it is first asked for something, which is when the card is opened.
  Blas *blas() {
    if (blas_looked_for_) return blas_.get();
    blas_looked_for_ = true;
    blas_ = find_blas();
    if (blas_ == nullptr) return nullptr;
    // what NVIDIA recommends for Hopper and later, and before
    const int64_t bytes = int64_t{attribute(device_, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) >= 9 ? 32 : 4} << 20;
    try {
      workspace_ = allocate(bytes);
      blas_->lend(workspace_, bytes);
    } catch (const CardFull &) {
      // it has ways that need none
    }
    return blas_.get();
  }

  // The calling thread may never have met this card.
  void current() const { check(driver().cuCtxSetCurrent(context_), "a thread turns to it"); }
  void current_or_lost() const noexcept { driver().cuCtxSetCurrent(context_); }

  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
  CUstream ahead_ = nullptr;
  CUevent asked_ = nullptr, ahead_done_ = nullptr;
  CUmodule module_ = nullptr;
  std::unique_ptr<Staging> staging_;
  std::array<CUfunction, static_cast<size_t>(Kernel::kCount)> functions_ = {};
  int64_t processors_ = 1;
  int64_t spared_bytes_ = kLeastSpared;
  Arena arena_;
  std::unique_ptr<Blas> blas_;
  bool blas_looked_for_ = false;
  void *workspace_ = nullptr; // of blas_
};

}  // namespace

int32_t card_count() {
  int count = 0;
  return driver().missing.empty() && driver().cuDeviceGetCount(&count) == CUDA_SUCCESS ? count : 0;
}

std::string card_name(int32_t card) {
  std::array<char, 128> name = {};
  CUdevice device = 0;
  if (card >= card_count() || driver().cuDeviceGet(&device, card) != CUDA_SUCCESS) return "";
  driver().cuDeviceGetName(name.data(), static_cast<int>(name.size()) - 1, device);
  return name.data();
}

std::string card_missing(int32_t card) {
  if (!driver().missing.empty()) return driver().missing;
  const int32_t count = card_count();
  if (count == 0) return "the NVIDIA driver has no card for this process (see CUDA_VISIBLE_DEVICES)";
  if (card < 0 || card >= count) return "there are " + std::to_string(count) + " cards, counted from 0";
  CUdevice device = 0;
  check(driver().cuDeviceGet(&device, card), "it is asked what it is");
  const int major = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  const int minor = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  if (major >= 8) return "";
  return "its compute capability is " + std::to_string(major) + "." + std::to_string(minor) + ", 8.0 is needed";
}

std::unique_ptr<Card> open_card(int32_t card) { return std::make_unique<DriverCard>(card); }

}  // namespace longform::card
