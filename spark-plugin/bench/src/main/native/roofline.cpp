/*
 * What this machine can do at best: float32 FMA, int8 multiply-add, reading from memory.
 * roofline [seconds per measurement]; prints one JSON object, every figure the best of several.
 *   g++ -O3 -march=native -std=c++17 -pthread roofline.cpp -o roofline
 * Of an x86 with VNNI the int8 peak is vpdpbusd's; without, that of vpmaddubsw+vpmaddwd+vpaddd,
 * which is what kernels have to use there.
 */
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// what the loops compute is added to this, so that no compiler leaves them out
std::atomic<int64_t> witness{0};

// enough independent sums to hide the latency of an FMA (4 to 5 cycles, 2 a cycle); the loops over them are
// unrolled, all of them, so that they live in registers
constexpr int CHAINS = 12;
// many short ones: a busy machine lets some of them pass in peace
constexpr int REPETITIONS = 25;
constexpr int64_t STEPS = 1 << 16;

#if defined(__AVX512F__)
constexpr const char *FLOAT_NAME = "AVX-512 FMA";
using floats = __m512;
constexpr int FLOATS = 16;
floats broadcast(float x) { return _mm512_set1_ps(x); }
floats fma(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }
float first(floats a) { return _mm512_cvtss_f32(a); }
#elif defined(__AVX2__) && defined(__FMA__)
constexpr const char *FLOAT_NAME = "AVX2 FMA";
using floats = __m256;
constexpr int FLOATS = 8;
floats broadcast(float x) { return _mm256_set1_ps(x); }
floats fma(floats a, floats b, floats c) { return _mm256_fmadd_ps(a, b, c); }
float first(floats a) { return _mm256_cvtss_f32(a); }
#elif defined(__aarch64__)
constexpr const char *FLOAT_NAME = "NEON FMA";
using floats = float32x4_t;
constexpr int FLOATS = 4;
floats broadcast(float x) { return vdupq_n_f32(x); }
floats fma(floats a, floats b, floats c) { return vfmaq_f32(c, a, b); }
float first(floats a) { return vgetq_lane_f32(a, 0); }
#else
constexpr const char *FLOAT_NAME = "scalar";
using floats = float;
constexpr int FLOATS = 1;
floats broadcast(float x) { return x; }
floats fma(floats a, floats b, floats c) { return a * b + c; }
float first(floats a) { return a; }
#endif

// answers the operations done: a multiply and an add are two
int64_t float_work() {
  floats sums[CHAINS];
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; i++) sums[i] = broadcast(static_cast<float>(i));
  floats a = broadcast(0.5f), b = broadcast(1e-9f);
  // opaque to the compiler, which would else know the result
  asm volatile("" : "+m"(a), "+m"(b));
  for (int64_t step = 0; step < STEPS; step++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sums[i] = fma(sums[i], a, b);
  }
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; i++) witness += first(sums[i]) > 1e9f;
  return STEPS * CHAINS * FLOATS * 2;
}

#if defined(__AVX512VNNI__)
constexpr const char *INT8_NAME = "AVX-512 VNNI";
using ints = __m512i;
constexpr int BYTES = 64;
ints all_bytes(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
ints dot(ints sum, ints a, ints b) { return _mm512_dpbusd_epi32(sum, a, b); }
int low(ints a) { return _mm512_cvtsi512_si32(a); }
#elif defined(__AVXVNNI__)
constexpr const char *INT8_NAME = "AVX-VNNI";
using ints = __m256i;
constexpr int BYTES = 32;
ints all_bytes(int x) { return _mm256_set1_epi8(static_cast<char>(x)); }
ints dot(ints sum, ints a, ints b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
int low(ints a) { return _mm256_cvtsi256_si32(a); }
#elif defined(__AVX2__)
constexpr const char *INT8_NAME = "AVX2 maddubs+madd+add";
using ints = __m256i;
constexpr int BYTES = 32;
ints all_bytes(int x) { return _mm256_set1_epi8(static_cast<char>(x)); }
ints dot(ints sum, ints a, ints b) {
  ints pairs = _mm256_maddubs_epi16(a, b);
  // both products depend on the sum's register only through this line
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
int low(ints a) { return _mm256_cvtsi256_si32(a); }
#elif defined(__ARM_FEATURE_DOTPROD)
constexpr const char *INT8_NAME = "NEON sdot";
using ints = int32x4_t;
constexpr int BYTES = 16;
ints all_bytes(int x) { return vreinterpretq_s32_s8(vdupq_n_s8(static_cast<int8_t>(x))); }
ints dot(ints sum, ints a, ints b) { return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b)); }
int low(ints a) { return vgetq_lane_s32(a, 0); }
#else
constexpr const char *INT8_NAME = "scalar";
using ints = int32_t;
constexpr int BYTES = 1;
ints all_bytes(int x) { return x; }
ints dot(ints sum, ints a, ints b) { return sum + a * b; }
int low(ints a) { return a; }
#endif

int64_t int8_work() {
  ints sums[CHAINS];
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; i++) sums[i] = all_bytes(0);
  ints a = all_bytes(3), b = all_bytes(1);
  for (int64_t step = 0; step < STEPS; step++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) {
      // opaque in every step, else the product is taken out of the loop
#if defined(__x86_64__)
      asm volatile("" : "+x"(b));
#elif defined(__aarch64__)
      asm volatile("" : "+w"(b));
#endif
      sums[i] = dot(sums[i], a, b);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; i++) witness += low(sums[i]) == 1;
  return STEPS * CHAINS * BYTES * 2;
}

// far beyond any cache
constexpr int64_t READ_BYTES = int64_t{1} << 28;

int64_t read_work(const uint64_t *from, int64_t words) {
  uint64_t sums[16] = {};
  for (int64_t i = 0; i + 16 <= words; i += 16) {
    for (int j = 0; j < 16; j++) sums[j] += from[i + j];
  }
  for (uint64_t sum : sums) witness += sum == 1;
  return words * 8;
}

// operations per second of all threads together: each repeats its work until the time is over
double rate(int threads, double seconds, const std::function<int64_t(int)> &work) {
  double best = 0;
  for (int repetition = 0; repetition < REPETITIONS; repetition++) {
    std::atomic<int> ready{0};
    std::atomic<double> total{0};
    std::vector<std::thread> running;
    for (int t = 0; t < threads; t++) {
      running.emplace_back([&, t] {
        work(t);
        ready++;
        while (ready.load() < threads) std::this_thread::yield();
        double begin = now(), end;
        int64_t done = 0;
        do {
          done += work(t);
          end = now();
        } while (end - begin < seconds);
        double mine = static_cast<double>(done) / (end - begin), sum = total.load();
        while (!total.compare_exchange_weak(sum, sum + mine)) {
        }
      });
    }
    for (std::thread &thread : running) thread.join();
    if (total.load() > best) best = total.load();
  }
  return best;
}

}  // namespace

int main(int argc, char **argv) {
  double seconds = argc > 1 ? std::atof(argv[1]) : 0.04;
  int all = static_cast<int>(std::thread::hardware_concurrency());
  if (all < 1) all = 1;
  std::unique_ptr<uint64_t[]> memory(new uint64_t[READ_BYTES / 8]);
  std::memset(memory.get(), 1, READ_BYTES);
  std::printf("{\"float32\":\"%s\",\"int8\":\"%s\",\"threads\":[", FLOAT_NAME, INT8_NAME);
  for (int threads = 1; threads <= all; threads += threads < all && threads * 2 > all ? all - threads : threads) {
    double flops = rate(threads, seconds, [](int) { return float_work(); });
    double ops = rate(threads, seconds, [](int) { return int8_work(); });
    int64_t words = READ_BYTES / 8 / threads;
    double bytes = rate(threads, seconds, [&](int t) { return read_work(memory.get() + t * words, words); });
    std::printf("%s{\"threads\":%d,\"gflops\":%.1f,\"gops\":%.1f,\"gbytes\":%.1f}", threads > 1 ? "," : "", threads,
                flops / 1e9, ops / 1e9, bytes / 1e9);
    std::fflush(stdout);
  }
  std::printf("]}\n");
  return witness.load() < 0;
}
