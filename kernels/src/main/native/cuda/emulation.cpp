#include "emulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <mutex>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace longform::card::emulation {
namespace {

constexpr int kThreads = 128;
constexpr int kWarp = 32;
// no power of two, or the upmost words of all stacks would share a few lines of the processor's cache
constexpr size_t kStackBytes = (size_t{256} << 10) + 5 * 64;

// --- switching stacks ---

#if defined(__x86_64__)

// Keeps the registers that a function must keep on the stack, and the stack pointer at `from`.
extern "C" void longform_switch_stack(void **from, void *to);
asm(R"(
.text
.type longform_switch_stack,@function
.globl longform_switch_stack
longform_switch_stack:
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size longform_switch_stack, .-longform_switch_stack
)");

struct Stack {
  void *top = nullptr;

  void start(char *memory, void (*entry)()) {
    void **words = reinterpret_cast<void **>(memory + kStackBytes - 16);
    *--words = nullptr;  // as if a call had put a return address here
    *--words = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++) *--words = nullptr;
    top = words;
  }
};

void switch_stack(Stack &from, Stack &to) { longform_switch_stack(&from.top, to.top); }

#else

struct Stack {
  ucontext_t context;

  void start(char *memory, void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = memory;
    context.uc_stack.ss_size = kStackBytes;
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
  }
};

void switch_stack(Stack &from, Stack &to) { swapcontext(&from.context, &to.context); }

#endif

// --- one block ---

enum class State { kReady, kAtWarpBarrier, kAtBlockBarrier, kDone };

struct Fiber {
  Stack stack;
  State state = State::kDone;
  // words offered to others, by turns: a slow reader of one exchange still finds it during the next
  uint64_t words[2];
  int turn = 0;
  // the same of what threads of a block say, who may have had other exchanges within their warps
  bool said[2];
  int vote = 0;
};

struct Machine {
  std::unique_ptr<char[]> stacks;
  Fiber fibers[kThreads];
  // of matrices, by the same turns
  Fragment fragments[2][kThreads];
  Stack scheduler;
  Fiber *running = nullptr;
  void (*kernel)(const void *) = nullptr;
  const void *args = nullptr;
  uint32_t launches = 0;
};

Machine machine;

void wait(State state) {
  machine.running->state = state;
  switch_stack(machine.running->stack, machine.scheduler);
}

void entry() {
  machine.kernel(machine.args);
  wait(State::kDone);
  abort();  // nobody goes on with a thread that is done
}

void resume(int thread) {
  here.thread = thread;
  machine.running = &machine.fibers[thread];
  switch_stack(machine.scheduler, machine.running->stack);
}

// If all threads from `first` on wait at such a barrier they may go on. Stricter than a card, which does not
// wait for threads that are done.
bool release(int first, int count, State barrier) {
  for (int i = first; i < first + count; i++) {
    if (machine.fibers[i].state != barrier) return false;
  }
  for (int i = first; i < first + count; i++) machine.fibers[i].state = State::kReady;
  return true;
}

void run_block() {
  for (int i = 0; i < kThreads; i++) {
    machine.fibers[i].stack.start(machine.stacks.get() + static_cast<size_t>(i) * kStackBytes, entry);
    machine.fibers[i].state = State::kReady;
    machine.fibers[i].turn = 0;
    machine.fibers[i].vote = 0;
  }
  for (;;) {
    for (int i = 0; i < kThreads; i++) {
      // forwards, backwards, or by strides that mix the warps
      const int thread = machine.launches % 3 == 0 ? i : machine.launches % 3 == 1 ? kThreads - 1 - i : i * 37 % kThreads;
      if (machine.fibers[thread].state == State::kReady) resume(thread);
    }
    bool goes_on = release(0, kThreads, State::kAtBlockBarrier);
    for (int w = 0; w < kThreads; w += kWarp) goes_on |= release(w, kWarp, State::kAtWarpBarrier);
    if (goes_on) continue;
    for (const Fiber &fiber : machine.fibers) {
      if (fiber.state == State::kDone) continue;
      fprintf(stderr, "Cannot go on with a block: its threads wait at different barriers.\n");
      abort();
    }
    return;
  }
}

// Waits until all lanes of the warp have offered a word; where these lie.
int offer(uint64_t word) {
  const int turn = machine.running->turn++ & 1;
  machine.running->words[turn] = word;
  wait(State::kAtWarpBarrier);
  return turn;
}

}  // namespace

Place here;

void wait_for_block() { wait(State::kAtBlockBarrier); }

bool any_of_block(bool said) {
  const int vote = machine.running->vote++ & 1;
  machine.running->said[vote] = said;
  wait(State::kAtBlockBarrier);
  for (const Fiber &fiber : machine.fibers) {
    if (fiber.said[vote]) return true;
  }
  return false;
}

bool any_of_warp(bool said) {
  const int turn = offer(said);
  for (int lane = 0; lane < kWarp; lane++) {
    if (machine.fibers[here.thread / kWarp * kWarp + lane].words[turn] != 0) return true;
  }
  return false;
}

uint64_t word_of_lane(uint64_t word, int mask) {
  const int turn = offer(word);
  return machine.fibers[here.thread ^ mask].words[turn];
}

const Fragment *show(const Fragment &fragment) {
  // by this lane's turns: another one may be an exchange further
  Fragment *shown = machine.fragments[machine.running->turn++ & 1];
  shown[here.thread] = fragment;
  wait(State::kAtWarpBarrier);
  return shown + here.thread / kWarp * kWarp;
}

void require_matrix(const uint32_t *rows, int pitch) {
  if (reinterpret_cast<uintptr_t>(rows) % 16 == 0 && pitch % 4 == 0) return;
  fprintf(stderr, "Cannot load a matrix: its rows do not begin at multiples of 16 bytes.\n");
  abort();
}

void run(void (*kernel)(const void *), const void *args, const int64_t *blocks, int64_t shared_bytes) {
  // several cards may be open
  static std::mutex one_at_a_time;
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  if (machine.stacks == nullptr) machine.stacks.reset(new char[kStackBytes * kThreads]);
  machine.kernel = kernel;
  machine.args = args;
  machine.launches++;
  const int64_t total = blocks[0] * blocks[1] * blocks[2];
  for (int64_t i = 0; i < total; i++) {
    const int64_t block = machine.launches % 2 == 0 ? i : total - 1 - i;
    // of its exact size, so that what is beyond it is seen
    std::unique_ptr<unsigned char[]> shared(new unsigned char[static_cast<size_t>(shared_bytes)]);
    memset(shared.get(), 0xff, static_cast<size_t>(shared_bytes));
    here.shared = shared.get();
    here.block[0] = block % blocks[0];
    here.block[1] = block / blocks[0] % blocks[1];
    here.block[2] = block / blocks[0] / blocks[1];
    for (int axis = 0; axis < 3; axis++) here.blocks[axis] = blocks[axis];
    run_block();
  }
}

}  // namespace longform::card::emulation
