// The pool under load: every piece runs once, its writes are seen by the caller, several callers share
// the helpers, and never more threads are at work than were given. Also built with the thread sanitizer.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "cpu/pool.h"

namespace {

using longform::Arena;
using longform::Pool;

std::atomic<int64_t> checks{0};
std::atomic<int64_t> failures{0};

void expect(bool good, const char *what, int64_t number) {
  checks++;
  if (!good && failures++ < 20) std::printf("%s (%lld)\n", what, static_cast<long long>(number));
}

struct Job {
  // plain memory: the pool alone orders a helper's writes before the caller's reads
  std::vector<int32_t> *runs;
  std::atomic<int> *at_work;
  std::atomic<int> *most;
  int64_t scratch_bytes;
};

void piece(const void *data, int64_t index, Arena &scratch) {
  const Job &job = *static_cast<const Job *>(data);
  const int now = job.at_work->fetch_add(1) + 1;
  int most = job.most->load();
  while (most < now && !job.most->compare_exchange_weak(most, now)) {
  }
  (*job.runs)[static_cast<size_t>(index)]++;
  if (job.scratch_bytes > 0) {
    void *memory = scratch.reserve(job.scratch_bytes + index % 3 * 5000);
    expect(reinterpret_cast<uintptr_t>(memory) % 64 == 0, "scratch is not aligned", index);
    std::memset(memory, static_cast<int>(index), static_cast<size_t>(job.scratch_bytes));
  }
  job.at_work->fetch_sub(1);
}

struct Shared {
  std::atomic<int> at_work{0};
  std::atomic<int> most{0};
};

void caller(Pool &pool, Shared &shared, int rounds) {
  pool.enter();
  for (int round = 0; round < rounds; round++) {
    const int64_t pieces = (round * 7) % 41;
    std::vector<int32_t> runs(static_cast<size_t>(pieces), 0);
    const Job job = {&runs, &shared.at_work, &shared.most, round % 3 == 0 ? 10000 : 0};
    pool.run(pieces, piece, &job);
    for (int64_t i = 0; i < pieces; i++) expect(runs[static_cast<size_t>(i)] == 1, "a piece did not run once", i);
    // longer than a helper's patience now and then, so that it sleeps and is woken
    if (round % 50 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  pool.leave();
}

void callers_together(int threads, int callers, int rounds) {
  Pool pool(threads);
  Shared shared;
  std::vector<std::thread> running;
  for (int i = 0; i < callers; i++) running.emplace_back([&] { caller(pool, shared, rounds); });
  for (std::thread &each : running) each.join();
  // a helper may finish its piece while another caller enters: one more for each of them
  const int limit = (threads > callers ? threads : callers) + callers - 1;
  expect(shared.most.load() <= limit, "more threads were at work than were given", shared.most.load());
}

// Without enter a lone caller has all helpers: with as many pieces as threads, each waiting for the
// others, they all have to come.
void helpers_come(int threads) {
  struct Meeting {
    std::atomic<int> arrived{0};
    int expected = 0;
  } meeting;
  meeting.expected = threads;
  Pool pool(threads);
  pool.run(
      threads,
      [](const void *data, int64_t, Arena &) {
        // the job is the caller's, and it made it writable
        Meeting &here = *const_cast<Meeting *>(static_cast<const Meeting *>(data));
        here.arrived++;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (here.arrived.load() < here.expected && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      },
      &meeting);
  expect(meeting.arrived.load() == threads, "not all helpers came", meeting.arrived.load());
}

void opened_and_closed() {
  for (int round = 0; round < 60; round++) {
    Pool pool(1 + round % 4);
    if (round % 2 == 0) continue;
    Shared shared;
    caller(pool, shared, 3);
  }
}

}  // namespace

int main() {
  opened_and_closed();
  for (int threads : {1, 2, 4}) helpers_come(threads);
  for (int threads : {1, 2, 4}) {
    for (int callers : {1, 2, 5}) callers_together(threads, callers, 300);
  }
  std::printf("pool: %lld checks, %lld failures\n", static_cast<long long>(checks.load()),
              static_cast<long long>(failures.load()));
  return failures.load() == 0 ? 0 : 1;
}
