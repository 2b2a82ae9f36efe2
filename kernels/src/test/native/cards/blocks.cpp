// The pool of blocks of a card's memory: what is taken is zeroed and nobody else's, what was asked for of a
// block before it was given back does not reach its next owner, and what is empty goes back where memory is short. Blocks of
// pinned memory are not the card's, and not zeroed.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "checks.h"
#include "cuda/block_pool.h"
#include "cuda/card_device.h"
#include "kernels.h"

namespace {

using longform::card::BlockPool;
using longform::card::Card;
using longform::card::CardDevice;
using longform::card::CardFull;
using longform::card::Grid;
using longform::card::Kernel;
using longform::card::Lies;
using longform::test::end;
using longform::test::expect;

constexpr int64_t kMuch = int64_t{1} << 40;

// A card of any size, which counts what it is asked for.
class SmallCard : public Card {
 public:
  explicit SmallCard(int64_t bytes) : card_(longform::card::open_card(0)), bytes_(bytes) {}

  void *allocate(int64_t bytes) override {
    if (used + kept + bytes > bytes_) throw CardFull("the card has no room for " + std::to_string(bytes) + " bytes");
    void *memory = card_->allocate(bytes);
    pieces++;
    used += bytes;
    sizes_[memory] = bytes;
    return memory;
  }
  void release(void *memory) noexcept override {
    used -= sizes_.at(memory);
    sizes_.erase(memory);
    card_->release(memory);
  }
  void *allocate_pinned(int64_t bytes) override {
    if (pinned + bytes > most_pinned) throw CardFull("the system has no room for " + std::to_string(bytes) + " bytes");
    void *memory = card_->allocate_pinned(bytes);
    pinned += bytes;
    sizes_[memory] = bytes;
    return memory;
  }
  void release_pinned(void *memory) noexcept override {
    pinned -= sizes_.at(memory);
    sizes_.erase(memory);
    card_->release_pinned(memory);
  }
  void *scratch(int64_t bytes) override {
    if (used + kept + bytes > bytes_) throw CardFull("the card has no room for scratch");
    return card_->scratch(bytes);
  }
  void end() noexcept override { card_->end(); }
  int64_t shrink() noexcept override { return std::exchange(kept, 0) + card_->shrink(); }
  void upload(void *to, const void *from, int64_t bytes) override { card_->upload(to, from, bytes); }
  void download(void *to, const void *from, int64_t bytes) override { card_->download(to, from, bytes); }
  void zero(void *memory, int64_t bytes) override { card_->zero(memory, bytes); }
  void copy(void *to, const void *from, int64_t bytes) override { card_->copy(to, from, bytes); }
  void launch(Kernel kernel, const Grid &grid, const void *args) override { card_->launch(kernel, grid, args); }
  void launch_ahead(Kernel kernel, const Grid &grid, const void *args) override {
    card_->launch_ahead(kernel, grid, args);
  }
  void let_ahead_wait() override { card_->let_ahead_wait(); }
  void wait_for_ahead() override { card_->wait_for_ahead(); }
  void wait() override {
    waits++;
    card_->wait();
  }
  int64_t processors() const override { return card_->processors(); }
  void free_bytes(int64_t *free, int64_t *all) const override {
    *free = bytes_ - used - kept;
    *all = bytes_;
  }

  int64_t spared_bytes() const override { return spared; }

  int64_t pieces = 0;
  int64_t waits = 0;
  int64_t used = 0; // bytes
  int64_t kept = 0; // bytes of scratch that no operation uses
  int64_t spared = 0;
  int64_t pinned = 0; // bytes
  int64_t most_pinned = kMuch;

 private:
  std::unique_ptr<Card> card_;
  int64_t bytes_;
  std::map<void *, int64_t> sizes_;
};

bool all_are(Card &card, const void *memory, int64_t bytes, unsigned char value) {
  std::vector<unsigned char> all(static_cast<size_t>(bytes));
  card.download(all.data(), memory, bytes);
  return std::all_of(all.begin(), all.end(), [=](unsigned char each) { return each == value; });
}

void fill(Card &card, void *memory, int64_t bytes, unsigned char value) {
  const std::vector<unsigned char> all(static_cast<size_t>(bytes), value);
  card.upload(memory, all.data(), bytes);
}

// --- the pool alone, against a list of who has what ---

void blocks_of_many_sizes() {
  std::mt19937 draws(3);
  SmallCard card(kMuch);
  constexpr int64_t kSpare = 1 << 20;
  {
    BlockPool pool(card, Lies::kOnCard, kSpare);
    struct Owned {
      int64_t bytes;
      unsigned char mark;
    };
    std::map<char *, Owned> owned;
    const int64_t sizes[] = {1, 255, 256, 257, 4096, 65536, 100003, 300000};
    int64_t taken = 0, most = 0, now = 0;
    for (int round = 0; round < 4000; round++) {
      // grows, shrinks, grows
      const bool take = owned.empty() || draws() % 100 < (round / 500 % 2 == 0 ? 60u : 40u);
      if (take) {
        const int64_t bytes = sizes[draws() % 8];
        char *block = static_cast<char *>(pool.take(bytes));
        taken++;
        now += bytes;
        most = std::max(most, now);
        expect(reinterpret_cast<uintptr_t>(block) % 256 == 0, "a block is not aligned");
        const auto after = owned.lower_bound(block);
        expect(after == owned.end() || block + bytes <= after->first, "a block reaches into the next");
        expect(after == owned.begin() || std::prev(after)->first + std::prev(after)->second.bytes <= block,
               "a block begins in another");
        expect(all_are(card, block, bytes, 0), "a block is not zeroed");
        const unsigned char mark = static_cast<unsigned char>(draws() % 255 + 1);
        fill(card, block, bytes, mark);
        owned[block] = {bytes, mark};
      } else {
        auto gone = owned.begin();
        std::advance(gone, draws() % owned.size());
        expect(all_are(card, gone->first, gone->second.bytes, gone->second.mark), "somebody wrote to a block of another");
        now -= gone->second.bytes;
        pool.give(gone->first);
        owned.erase(gone);
      }
      expect(pool.empty_bytes() <= kSpare, "too much of what is empty is kept");
      expect(card.used >= now, "blocks take more than there is");
    }
    expect(taken > 1500 && card.pieces < taken / 5,
           std::to_string(card.pieces) + " pieces were taken for " + std::to_string(taken) + " blocks");
    for (const auto &each : owned) pool.give(each.first);
    expect(card.used == pool.empty_bytes() && card.used <= kSpare, "what is empty does not go back");
    const int64_t left = card.used;
    expect(pool.trim(0) == left && card.used == 0, "not all of what is empty goes back");
    expect(pool.trim(0) == 0, "more goes back than was there");
  }
  expect(card.used == 0, "a pool that ends keeps memory");
}

void few_pieces_for_many_pages() {
  SmallCard card(kMuch);
  BlockPool pool(card);
  const int64_t page = 10000;
  std::vector<void *> pages;
  for (int i = 0; i < 1000; i++) pages.push_back(pool.take(page));
  expect(card.pieces <= 12, "1000 pages take " + std::to_string(card.pieces) + " pieces");
  expect(card.used < 2 * 1000 * page, "slabs take more than twice what is used");
  const int64_t waits = card.waits, pieces = card.pieces;
  for (size_t i = 0; i < 500; i++) pool.give(pages[i]);
  for (size_t i = 0; i < 500; i++) pages[i] = pool.take(page);
  expect(card.pieces == pieces && card.waits == waits, "blocks that come back are not used again at once");
  // large blocks have slabs of their own, and more than is kept goes at once
  void *large = pool.take(BlockPool::kSpareBytes / 4);
  const int64_t before = card.used;
  pool.give(large);
  expect(card.used == before && pool.empty_bytes() >= BlockPool::kSpareBytes / 4, "an empty slab does not wait");
  for (void *each : pages) pool.give(each);
  card.wait();
}

// --- behind the operations ---

// float32 numbers of a device's block
std::vector<float> read(CardDevice &device, const void *block, int64_t count) {
  std::vector<float> all(static_cast<size_t>(count));
  device.copy(all.data(), block, count * 4);
  return all;
}

bool equal(const std::vector<float> &found, float value) {
  return std::all_of(found.begin(), found.end(), [=](float each) { return each == value; });
}

void older_work_does_not_reach_a_new_owner() {
  auto owned = std::make_unique<SmallCard>(kMuch);
  SmallCard &card = *owned;
  CardDevice device(std::move(owned));
  constexpr int64_t kCount = 1000, kBytes = kCount * 4;
  const std::vector<float> three(kCount, 3), five(kCount, 5);
  float *first = static_cast<float *>(device.take(kBytes));
  void *other = device.take(kBytes);
  device.finish();
  const int64_t waits = card.waits;
  for (int i = 0; i < 10; i++) device.add(first, three.data(), kCount, kCount);
  device.release(first);
  expect(!device.holds(first), "a released block is still held");
  float *next = static_cast<float *>(device.take(kBytes));
  expect(next == first, "a block is not used again");
  device.add(next, five.data(), kCount, kCount);
  expect(card.waits == waits, "a release waits for the card");
  expect(equal(read(device, next, kCount), 5), "work of the owner before reaches a block");
  // and where the next owner writes by hand
  device.add(next, three.data(), kCount, kCount);
  device.release(next);
  next = static_cast<float *>(device.take(kBytes));
  expect(equal(read(device, next, kCount), 0), "a block that is used again is not zeroed");
  device.copy(next, five.data(), kBytes);
  expect(equal(read(device, next, kCount), 5), "the zeros of a block come after what its owner wrote");
  device.release(next);
  device.release(other);
  device.release(next);  // nobody's
}

void a_full_card() {
  constexpr int64_t kRoom = int64_t{1} << 20, kPage = 37500;
  auto owned = std::make_unique<SmallCard>(kRoom);
  SmallCard &card = *owned;
  CardDevice device(std::move(owned));
  card.kept = kRoom / 4;
  std::vector<void *> pages;
  const auto fill = [&](int64_t bytes) {
    for (;;) {
      try {
        pages.push_back(device.take(bytes));
      } catch (const CardFull &e) {
        expect(std::string(e.what()).find("no room") != std::string::npos, "what a full card says");
        return;
      }
    }
  };
  fill(kPage);
  const size_t most = pages.size();
  expect(card.kept == 0, "scratch is kept on a card that is full");
  expect(static_cast<int64_t>(most) >= kRoom * 9 / 10 / kPage, std::to_string(most) + " pages fill a card");
  int64_t room = 0, all = 0;
  device.free_bytes(&room, &all);
  expect(room >= 0 && room < kRoom / 10 && all == kRoom, "a full card says that there is room");

  device.release(pages.back());
  pages.pop_back();
  pages.push_back(device.take(kPage));
  expect(pages.size() == most, "a block that was released cannot be taken");

  // blocks of another size need the slabs
  for (void *page : pages) device.release(page);
  pages.clear();
  device.free_bytes(&room, &all);
  expect(room == kRoom, "what is empty does not count as free");
  pages.push_back(device.take(kRoom / 2));
  fill(kPage / 2);
  for (void *page : pages) device.release(page);
  pages.clear();
  // and so does memory of the card alone
  void *alone = device.allocate(kRoom);
  fill(1);
  expect(pages.empty(), "more is taken than there is");
  device.release(alone);

  // and scratch of an operation
  constexpr int64_t kMany = kRoom * 5 / 32;
  float *x = static_cast<float *>(device.take(kMany * 4));
  void *spare = device.take(kMany * 2 + 1);
  device.release(spare);
  const std::vector<float> twos(kMany, 2);
  expect(card.used > kRoom - kMany * 4 / 2, "too little is taken for this test");
  bool fits = true;
  try {
    device.add(x, twos.data(), kMany, kMany / 2);
  } catch (const CardFull &) {
    fits = false;
  }
  expect(fits && equal(read(device, x, kMany), 2), "scratch does not get what is empty");
  device.release(x);
}

void pages_leave_memory_to_operations() {
  constexpr int64_t kRoom = int64_t{1} << 20, kPage = 37500;
  auto owned = std::make_unique<SmallCard>(kRoom);
  SmallCard &card = *owned;
  CardDevice device(std::move(owned));
  const auto fill = [&] {
    for (int64_t pages = 0;; pages++) {
      try {
        device.take(kPage);
      } catch (const CardFull &) {
        return pages;
      }
    }
  };
  card.spared = 5 * kPage;
  const int64_t pages = fill();
  expect(card.used <= kRoom - card.spared, "pages take what is kept for operations");
  expect(card.used > kRoom - card.spared - 2 * kPage, "pages take less than they may");
  card.release(card.allocate(card.spared));
  card.spared = 0;
  const int64_t more = fill();
  expect(pages > 0 && more >= 5, std::to_string(more) + " more pages where nothing is kept");
}

void pinned_blocks() {
  auto owned = std::make_unique<SmallCard>(kMuch);
  SmallCard &card = *owned;
  constexpr int64_t kCount = 5000, kBytes = kCount * 4;
  CardDevice device(std::move(owned));
  int64_t room = 0, all = 0, room_after = 0;
  device.free_bytes(&room, &all);
  const std::vector<float> three(kCount, 3), five(kCount, 5);
  std::vector<float *> blocks;
  for (int i = 0; i < 300; i++) blocks.push_back(static_cast<float *>(device.take_pinned(kBytes)));
  expect(card.pinned >= 300 * kBytes && card.pinned < 2 * 300 * kBytes, "pinned memory beside what is taken");
  expect(card.used == 0 && card.pieces == 0, "pinned blocks lie on the card");
  device.free_bytes(&room_after, &all);
  expect(room_after == room, "pinned blocks take the room of the card");
  for (float *block : blocks) device.copy(block, three.data(), kBytes);
  float *first = blocks[0], *other = static_cast<float *>(device.take(kBytes));
  expect(device.holds(first) && device.holds(first + kCount - 1), "a pinned block is not held");
  device.add(first, three.data(), kCount, kCount);
  for (const auto &ends : {std::make_pair(first, other), std::make_pair(other, blocks[1]),
                           std::make_pair(blocks[1], blocks[2])}) {
    const kernels_piece piece = {reinterpret_cast<const char *>(ends.first), reinterpret_cast<char *>(ends.second), kBytes};
    device.copy_within(&piece, 1);
  }
  expect(equal(read(device, blocks[2], kCount), 6), "pinned memory is not copied as the card's own");
  // what was asked for of a block is done before its next owner's copy
  const int64_t waits = card.waits, pinned = card.pinned;
  for (int i = 0; i < 10; i++) device.add(first, three.data(), kCount, kCount);
  device.release(first);
  expect(!device.holds(first), "a released pinned block is still held");
  expect(device.take_pinned(kBytes) == first && card.pinned == pinned, "a pinned block is not used again");
  device.copy(first, five.data(), kBytes);
  expect(card.waits == waits, "a release of pinned memory waits for the card");
  expect(equal(read(device, first, kCount), 5), "older work reaches a pinned block");
  // where the system refuses, what is empty goes back first
  for (size_t i = 0; i < 200; i++) device.release(blocks[i]);
  card.most_pinned = card.pinned;
  const int64_t used = card.used;
  void *large = device.take_pinned(kBytes * 50);
  expect(large != nullptr && card.pinned <= card.most_pinned && card.used == used, "empty pinned memory is not given back");
  bool refused = false;
  try {
    device.take_pinned(kBytes * 300);
  } catch (const CardFull &e) {
    refused = std::string(e.what()).find("the system has no room") == 0;
  }
  expect(refused, "more pinned memory is taken than there is");
  expect(equal(read(device, blocks[250], kCount), 3), "a pinned block lost what it had");
}

void many_threads() {
  kernels_device *card = nullptr;
  expect(kernels_open_card(0, 1, &card) == KERNELS_OK, kernels_last_error());
  if (card == nullptr) return;
  const auto work = [&](unsigned seed) {
    std::mt19937 draws(seed);
    const std::vector<float> ones(700, static_cast<float>(seed));
    for (int round = 0; round < 60; round++) {
      const int64_t count = 100 * (1 + static_cast<int64_t>(draws() % 7));
      std::vector<float *> blocks;
      for (int i = 0; i < 5; i++) {
        void *memory = nullptr;
        expect(kernels_card_take(card, count * 4, &memory) == KERNELS_OK, kernels_last_error());
        blocks.push_back(static_cast<float *>(memory));
        for (int j = 0; j <= i; j++) {
          expect(kernels_add(card, blocks.back(), ones.data(), count) == KERNELS_OK, kernels_last_error());
        }
      }
      if (round % 3 != 0) {
        for (int i = 0; i < 5; i++) {
          const float expected = static_cast<float>(seed) * static_cast<float>(i + 1);
          std::vector<float> found(static_cast<size_t>(count));
          expect(kernels_card_copy(card, found.data(), blocks[static_cast<size_t>(i)], count * 4) == KERNELS_OK,
                 kernels_last_error());
          expect(equal(found, expected), "a block of one thread holds numbers of another");
        }
      }
      for (float *block : blocks) expect(kernels_card_release(card, block) == KERNELS_OK, kernels_last_error());
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; seed++) threads.emplace_back(work, seed);
  for (std::thread &each : threads) each.join();
  int64_t room = 0, all = 0;
  expect(kernels_card_room(card, &room, &all) == KERNELS_OK && room <= all, "the room of a card");
  kernels_close(card);
}

}  // namespace

int main() {
  kernels_device *card = nullptr;
  if (kernels_open_card(0, 1, &card) != KERNELS_OK) {
    std::fprintf(stderr, "Cannot open a card: %s\n", kernels_last_error());
    return 1;
  }
  kernels_close(card);
  blocks_of_many_sizes();
  few_pieces_for_many_pages();
  older_work_does_not_reach_a_new_owner();
  a_full_card();
  pages_leave_memory_to_operations();
  pinned_blocks();
  many_threads();
  return end("blocks of cards");
}
