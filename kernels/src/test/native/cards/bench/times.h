// How long an operation takes.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

// The median of repetitions after a first one; the operation returns when it is done.
inline double seconds(const std::function<void()> &operation, int repetitions) {
  operation();
  std::vector<double> times;
  for (int i = 0; i < repetitions; i++) {
    const auto start = std::chrono::steady_clock::now();
    operation();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}
