// How driver_card.cpp asks NVIDIA's driver, with a driver of the tests in its place: copies of any size find what the host gave
// them though it changes at once, memory is taken and given back, and what fails is told. Kernels are not run here.
#include <cuda.h>
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "../checks.h"
#include "cuda/card.h"
#include "fake.h"

extern "C" const unsigned char longform_card_image[] = {0};

namespace {

using longform::card::Card;
using longform::card::CardFull;
using longform::card::CardLost;
using longform::card::NotHere;
using longform::test::end;
using longform::test::expect;

FakeDriver &fake() {
  static FakeDriver *const one =
      reinterpret_cast<FakeDriver *(*)()>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "fake_driver"))();
  return *one;
}

std::vector<char> drawn(int64_t bytes, unsigned seed) {
  std::mt19937 draws(seed);
  std::vector<char> all(static_cast<size_t>(bytes));
  for (char &each : all) each = static_cast<char>(draws());
  return all;
}

constexpr int64_t kMega = int64_t{1} << 20;

void copies_of_any_size() {
  const auto card = longform::card::open_card(0);
  for (int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{63}, int64_t{4097}, 4 * kMega - 1, 4 * kMega, 4 * kMega + 1,
                        8 * kMega, 8 * kMega + 3, 21 * kMega + 5}) {
    char *there = static_cast<char *>(card->allocate(bytes + 1));
    const std::vector<char> given = drawn(bytes, static_cast<unsigned>(bytes));
    std::vector<char> gone = given, found(given.size());
    card->upload(there, gone.data(), bytes);
    std::fill(gone.begin(), gone.end(), '\0');
    card->download(found.data(), there, bytes);
    expect(found == given, std::to_string(bytes) + " bytes do not come back");
    card->release(there);
  }
  expect(fake().pageable == 0, "copies pass through memory that is not pinned");
}

void many_small_copies_without_waiting() {
  const auto card = longform::card::open_card(0);
  constexpr int64_t kPieces = 40000, kBytes = 1000;
  char *there = static_cast<char *>(card->allocate(kPieces * kBytes));
  const std::vector<char> given = drawn(kPieces * kBytes, 7);
  std::vector<char> piece(kBytes), found(given.size());
  const int64_t waits = fake().waits;
  for (int64_t i = 0; i < kPieces; i++) {
    std::copy(given.begin() + i * kBytes, given.begin() + (i + 1) * kBytes, piece.begin());
    card->upload(there + i * kBytes, piece.data(), kBytes);
    // what was asked for between the copies stays in order
    if (i == kPieces / 2) card->copy(there, there + i * kBytes, kBytes);
  }
  expect(fake().waits - waits < 20, std::to_string(fake().waits - waits) + " waits for copies to the card");
  card->download(found.data(), there, kPieces * kBytes);
  const auto middle = given.begin() + kPieces / 2 * kBytes;
  expect(std::equal(found.begin(), found.begin() + kBytes, middle), "a copy on the card is out of order");
  expect(std::equal(found.begin() + kBytes, found.end(), given.begin() + kBytes), "small pieces do not come back");
  // copies both ways, waits among them
  std::mt19937 draws(3);
  std::vector<char> expected = given;
  for (int round = 0; round < 3000; round++) {
    const int64_t bytes = static_cast<int64_t>(draws() % 20000), at = static_cast<int64_t>(draws()) % (kPieces * kBytes - bytes);
    const auto begin = expected.begin() + at;
    if (draws() % 3 != 0) {
      const std::vector<char> fresh = drawn(bytes, draws());
      std::vector<char> gone = fresh;
      card->upload(there + at, gone.data(), bytes);
      std::fill(gone.begin(), gone.end(), '\1');
      std::copy(fresh.begin(), fresh.end(), begin);
    } else if (round > 10) {
      std::vector<char> back(static_cast<size_t>(bytes));
      card->download(back.data(), there + at, bytes);
      if (at >= kBytes) expect(std::equal(back.begin(), back.end(), begin), "what comes back is not what was given");
    }
    if (draws() % 200 == 0) card->wait();
  }
  card->release(there);
  expect(fake().late_changes == 0, std::to_string(fake().late_changes) + " copies were overwritten before they were made");
}

// The host's memory for copies is not used anew because nothing was read.
void nothing_is_read() {
  const auto card = longform::card::open_card(0);
  constexpr int64_t kBytes = 100000;
  char *there = static_cast<char *>(card->allocate(kBytes));
  const std::vector<char> first = drawn(kBytes, 5), second = drawn(kBytes, 6);
  std::vector<char> found(kBytes);
  card->upload(there, first.data(), kBytes);
  card->download(found.data(), there, 0);
  card->upload(there, second.data(), kBytes / 2);
  card->download(found.data(), there, kBytes);
  expect(std::equal(found.begin() + kBytes / 2, found.end(), first.begin() + kBytes / 2), "a download of nothing spoils a copy");
  expect(fake().late_changes == 0, "copies are overwritten after a download of nothing");
  card->release(there);
}

void without_pinned_memory() {
  fake().refuses_pinned = CUDA_ERROR_OUT_OF_MEMORY;
  {
    const auto card = longform::card::open_card(0);
    char *there = static_cast<char *>(card->allocate(10000));
    const std::vector<char> given = drawn(10000, 2);
    std::vector<char> gone = given, found(given.size());
    card->upload(there, gone.data(), 10000);
    std::fill(gone.begin(), gone.end(), '\0');
    card->download(found.data(), there, 10000);
    expect(found == given, "bytes do not come back where there is no pinned memory");
    card->release(there);
  }
  fake().refuses_pinned = 0;
  expect(fake().late_changes == 0, "copies were overwritten before they were made");
}

// Pinned memory is an end of copies as the card's own is.
void pinned_memory() {
  const int64_t used = fake().used;
  {
    const auto card = longform::card::open_card(0);
    const int64_t before = fake().pinned, taken = fake().used;
    for (int64_t bytes : {int64_t{1}, int64_t{4097}, 8 * kMega + 3}) {
      char *pinned = static_cast<char *>(card->allocate_pinned(bytes));
      char *other = static_cast<char *>(card->allocate_pinned(bytes));
      char *there = static_cast<char *>(card->allocate(bytes));
      expect(fake().pinned - before == 2 * bytes && fake().used - taken == bytes, "pinned memory is not the host's");
      const std::vector<char> given = drawn(bytes, 11);
      std::vector<char> gone = given, found(given.size());
      const int64_t waits = fake().waits;
      card->zero(pinned, bytes);
      card->upload(there, gone.data(), bytes);
      std::fill(gone.begin(), gone.end(), '\0');
      card->copy(pinned, there, bytes);
      card->zero(there, bytes);
      card->copy(there, pinned, bytes);
      card->zero(pinned, bytes);
      if (bytes < 8 * kMega) expect(fake().waits == waits, "the host waits for copies between card and pinned memory");
      card->copy(other, pinned, bytes);
      card->copy(pinned, there, bytes);
      card->download(found.data(), pinned, bytes);
      expect(found == given, std::to_string(bytes) + " bytes do not come back from pinned memory");
      card->download(found.data(), other, bytes);
      expect(std::count(found.begin(), found.end(), '\0') == bytes, "a copy within pinned memory is out of order");
      gone = given;
      card->upload(other, gone.data(), bytes);
      std::fill(gone.begin(), gone.end(), '\1');
      card->download(found.data(), other, bytes);
      expect(found == given, std::to_string(bytes) + " bytes are not brought to pinned memory");
      card->release_pinned(pinned);
      card->release_pinned(other);
      card->release(there);
      expect(fake().pinned == before && fake().used == taken, "pinned memory does not go back");
    }
    const auto said = [&] {
      try {
        card->allocate_pinned(1000);
      } catch (const CardFull &e) {
        return "full: " + std::string(e.what());
      } catch (const NotHere &e) {
        return "not here: " + std::string(e.what());
      } catch (const CardLost &e) {
        return "lost: " + std::string(e.what());
      }
      return std::string("nothing");
    };
    for (CUresult why : {CUDA_ERROR_OUT_OF_MEMORY, CUDA_ERROR_INVALID_VALUE}) {
      fake().refuses_pinned = why;
      const std::string refused = said();
      expect(refused ==
                 "full: the system has no room for 1000 bytes of pinned memory (CUDA_ERROR_OTHER: as the test wants)",
             "what a system says that refuses pinned memory: " + refused);
    }
    fake().is_lost = 1;
    const std::string lost = said();
    fake().is_lost = fake().refuses_pinned = 0;
    expect(lost == "lost: the card fails while pinned memory is taken (CUDA_ERROR_OTHER: as the test wants)",
           "what a lost card says that is asked for pinned memory: " + lost);
    fake().pins_elsewhere = 1;
    const std::string elsewhere = said();
    fake().pins_elsewhere = 0;
    expect(elsewhere == "not here: the card does not see pinned memory where the host does",
           "what a card says that has other addresses: " + elsewhere);
    expect(fake().pinned == before, "pinned memory that is refused is kept");
    expect(fake().pageable == 0 && fake().late_changes == 0, "copies pass through other memory, or are overwritten");
  }
  expect(fake().used == used && fake().pinned == 0, "a card that is closed keeps pinned memory");
}

void memory() {
  const int64_t before = fake().used;
  {
    const auto card = longform::card::open_card(0);
    fake().limit = before + 300 * kMega;
    void *half = card->allocate(150 * kMega);
    std::string said;
    try {
      card->allocate(200 * kMega);
    } catch (const CardFull &e) {
      said = e.what();
    }
    expect(said == "the card has no room for " + std::to_string(200 * kMega) + " bytes (" + std::to_string(150 * kMega) +
                       " of " + std::to_string(fake().limit) + " are free)",
           "what a full card says: " + said);
    // scratch: pieces of one operation do not overlap, and the next operation finds one block for all
    char *a = static_cast<char *>(card->scratch(1000)), *b = static_cast<char *>(card->scratch(64 * kMega));
    expect(b >= a + 1000 || b + 64 * kMega <= a, "pieces of scratch overlap");
    expect(reinterpret_cast<uintptr_t>(b) % 16 == 0, "scratch is not aligned");
    card->end();
    const int64_t used = fake().used;
    card->scratch(1000);
    card->scratch(64 * kMega);
    card->end();
    expect(fake().used == used, "the same operation takes more memory");
    card->release(half);
    const int64_t scratch = fake().used - before;
    expect(card->shrink() == scratch && fake().used == before, "scratch does not go back");
    // what pages leave to operations
    fake().limit = int64_t{80} << 30;
    expect(longform::card::open_card(0)->spared_bytes() == (int64_t{80} << 30) / 128, "a large card spares too little");
    fake().limit = int64_t{8} << 30;
    expect(longform::card::open_card(0)->spared_bytes() == 192 * kMega, "a small card spares too little");
    // a card with little room still has what an operation needs
    fake().limit = before + 2 * kMega;
    card->scratch(kMega);
    card->end();
    fake().limit = int64_t{1} << 30;
  }
  expect(fake().used == before && fake().pinned == 0, "a card that is closed keeps memory");
}

// Two streams, and an event for each way that one waits for the other.
void ahead() {
  const auto card = longform::card::open_card(0);
  fake().calls[0] = '\0';
  const auto launch = [&] { card->launch(longform::card::Kernel::card_add, {}, nullptr); };
  const auto launch_ahead = [&] { card->launch_ahead(longform::card::Kernel::card_near, {}, nullptr); };
  launch();
  card->let_ahead_wait();
  launch_ahead();
  card->wait_for_ahead();
  launch();
  const std::string calls = fake().calls;
  expect(calls.size() == 18, "calls of two streams: " + calls);
  if (calls.size() != 18) return;
  const char asked = calls[4], done = calls[12];
  const std::string expected = std::string("L1R1") + asked + "W2" + asked + "L2R2" + done + "W1" + done + "L1";
  expect(calls == expected && asked != done, "calls of two streams: " + calls + ", not " + expected);
}

// What a process says whose driver is another one: it is asked once.
std::string missing_in_a_process(int32_t cuda, bool has_card) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    fake().cuda = cuda;
    fake().has_no_card = has_card ? 0 : 1;
    const std::string said = longform::card::card_missing(0);
    const ssize_t written = write(ends[1], said.data(), said.size());
    _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string said;
  char some[256];
  for (ssize_t count; (count = read(ends[0], some, sizeof some)) > 0;) said.append(some, static_cast<size_t>(count));
  close(ends[0]);
  int status = 1;
  waitpid(child, &status, 0);
  return status == 0 ? said : "the process ended with " + std::to_string(status);
}

void other_drivers() {
  const std::string old = missing_in_a_process(CUDA_VERSION - 1000, true);
  const auto release = [](int cuda) { return std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10); };
  expect(old == "the NVIDIA driver is too old: it knows CUDA " + release(CUDA_VERSION - 1000) +
                    ", and the kernels are made by " + release(CUDA_VERSION),
         "what an old driver says: " + old);
  // an older release of the same version runs them, and so does what is newer
  for (int cuda : {CUDA_VERSION / 1000 * 1000, CUDA_VERSION + 1000}) {
    const std::string said = missing_in_a_process(cuda, true);
    expect(said.empty(), "a driver of CUDA " + release(cuda) + " says: " + said);
  }
  const std::string none = missing_in_a_process(CUDA_VERSION, false);
  expect(none == "the NVIDIA driver has no card for this process (see CUDA_VISIBLE_DEVICES)",
         "what a driver without a card says: " + none);
}

void failures() {
  const auto card = longform::card::open_card(0);
  const int64_t launches = fake().launches;
  card->launch(longform::card::Kernel::card_add, {}, nullptr);
  expect(fake().launches == launches + 1, "a kernel is not launched");
  fake().is_lost = 1;
  std::string said;
  try {
    card->launch(longform::card::Kernel::card_add, {}, nullptr);
  } catch (const CardLost &e) {
    said = e.what();
  }
  fake().is_lost = 0;
  expect(said == "the card fails while it launches card_add (CUDA_ERROR_LAUNCH_FAILED: as the test wants)",
         "what a lost card says: " + said);
}

}  // namespace

int main() {
  other_drivers();
  expect(longform::card::card_count() == 1, "cards of the driver");
  expect(longform::card::card_name(0) == "a driver of tests", "the name of a card");
  expect(longform::card::card_missing(0).empty(), "a card that is there is missing");
  expect(longform::card::card_missing(1) == "there are 1 cards, counted from 0", longform::card::card_missing(1));
  copies_of_any_size();
  many_small_copies_without_waiting();
  nothing_is_read();
  pinned_memory();
  without_pinned_memory();
  memory();
  ahead();
  failures();
  return end("NVIDIA's driver");
}
