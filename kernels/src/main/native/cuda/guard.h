// What lies between pieces of memory, for sanitizers: whoever touches it is told. Nothing elsewhere.
#pragma once

#include <stdint.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace longform::card {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kGuards = true;
inline void guard(const char *memory, int64_t bytes) {
  __asan_poison_memory_region(memory, static_cast<size_t>(bytes));
}
inline void unguard(const char *memory, int64_t bytes) {
  __asan_unpoison_memory_region(memory, static_cast<size_t>(bytes));
}
#else
constexpr bool kGuards = false;
inline void guard(const char *, int64_t) {}
inline void unguard(const char *, int64_t) {}
#endif

}  // namespace longform::card
