// What the tests of cards count: how much was looked at, and what of it was wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>

namespace longform::test {

inline std::atomic<int64_t> checks{0}, failures{0};

inline void fail(const std::string &what) {
  if (failures++ < 20) std::fprintf(stderr, "%s\n", what.c_str());
}

inline void expect(bool held, const std::string &what) {
  checks++;
  if (!held) fail(what);
}

// The same of many checks: what is to be said of one that failed is put together only then.
template <typename What>
void check(bool held, const What &what) {
  checks++;
  if (!held) fail(what());
}

// The last line of a test, and what its main answers: a test that looked at nothing has failed.
inline int end(const std::string &name, const std::string &more = "") {
  std::printf("%s: %lld checks, %lld failed%s\n", name.c_str(), static_cast<long long>(checks.load()),
              static_cast<long long>(failures.load()), more.c_str());
  return failures == 0 && checks > 0 ? 0 : 1;
}

}  // namespace longform::test
