// The tokens that best keys vote for, counted on a card, against a count of the best keys that the same card answers,
// which top_keys_test compares with a sort of float64 scores.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace {

using longform::test::end;
using longform::test::expect;

std::mt19937 draws(31);
kernels_device *card = nullptr;
kernels_device *processor = nullptr;
float *on_card = nullptr; // a few floats there

void done(int32_t status, const std::string &what) {
  expect(status == KERNELS_OK, what + ": " + kernels_last_error());
}

// What keys are like: votes for different tokens, for a few of them, scores of which many are equal, and all
// votes for the first tokens.
enum Keys { kScattered, kFavoured, kWhole, kEqual };

struct Case {
  int64_t queries, heads, kv_heads, from, to, k;
  Keys keys = kScattered;
  int64_t block_rows = 1;
  int64_t pairing = KERNELS_PAIRING_GROUP;
  int64_t dims = 8;

  int64_t votes() const { return queries * heads * k; }
};

struct Cache {
  std::vector<float> memory, queries;
  kernels_kv_layout layout;
  kernels_run run;

  explicit Cache(const Case &c)
      : memory(static_cast<size_t>(2 * c.kv_heads * c.to * c.dims)),
        queries(static_cast<size_t>(c.queries * c.heads * c.dims)) {
    std::normal_distribution<float> normal;
    for (float &q : queries) q = c.keys == kWhole ? static_cast<float>(draws() % 3) - 1 : normal(draws);
    for (size_t i = 0; i < memory.size(); i++) {
      const int64_t row = static_cast<int64_t>(i) / c.dims % c.to;
      memory[i] = c.keys == kEqual   ? 1
                  : c.keys == kWhole ? static_cast<float>(draws() % 3) - 1
                                     : normal(draws) * (c.keys == kFavoured && row % 11 == 3 ? 4 : 1);
    }
    layout = {KERNELS_KV_F32, c.kv_heads, c.dims, 4 * c.dims, 4 * c.dims * c.to, 8 * c.dims * c.to};
    run = {reinterpret_cast<const char *>(memory.data()) + c.from * layout.row_bytes, c.from, 0, c.to - c.from};
  }

  kernels_top_keys_request request(const Case &c) const {
    kernels_top_keys_request keys = {};
    keys.queries = queries.data();
    keys.query_count = c.queries;
    keys.heads = c.heads;
    keys.layout = &layout;
    keys.runs = &run;
    keys.run_count = 1;
    keys.from = c.from;
    keys.to = c.to;
    keys.k = c.k;
    keys.pairing = c.pairing;
    keys.block_rows = c.block_rows;
    return keys;
  }

  std::vector<int64_t> best(const Case &c) const {
    std::vector<int64_t> rows(static_cast<size_t>(c.votes()));
    if (rows.empty()) return rows;
    std::vector<float> scores(rows.size());
    int64_t rescored = 0;
    kernels_top_keys_request keys = request(c);
    keys.rows = rows.data();
    keys.scores = scores.data();
    keys.rescored = &rescored;
    done(kernels_top_keys(card, &keys), "top_keys");
    return rows;
  }
};

// Every token once, in order.
std::vector<int64_t> ordered(const Case &c, const std::vector<int64_t> &votes, int64_t order) {
  std::vector<int64_t> tokens;
  std::map<int64_t, int64_t> counts;
  if (order == KERNELS_ORDER_RANK) {
    for (int64_t rank = 0; rank < c.k; rank++) {
      for (size_t i = static_cast<size_t>(rank); i < votes.size(); i += static_cast<size_t>(c.k)) {
        if (counts[votes[i]]++ == 0) tokens.push_back(votes[i]);
      }
    }
    return tokens;
  }
  for (int64_t row : votes) counts[row]++;
  for (const auto &each : counts) tokens.push_back(each.first);
  std::stable_sort(tokens.begin(), tokens.end(), [&](int64_t a, int64_t b) { return counts[a] > counts[b]; });
  return tokens;
}

std::string describe(const Case &c, int64_t order, int64_t limit) {
  char text[256];
  std::snprintf(text, sizeof(text), "Q %ld H %ld G %ld rows %ld..%ld k %ld keys %d block %ld order %ld limit %ld",
                static_cast<long>(c.queries), static_cast<long>(c.heads), static_cast<long>(c.kv_heads),
                static_cast<long>(c.from), static_cast<long>(c.to), static_cast<long>(c.k), c.keys,
                static_cast<long>(c.block_rows), static_cast<long>(order), static_cast<long>(limit));
  return text;
}

void ask(const Case &c, const Cache &cache, int64_t order, int64_t limit, std::vector<int64_t> expected) {
  // the order of blocks and threads is another one after each launch
  for (uint32_t i = draws() % 6; i > 0; i--) done(kernels_add(card, on_card, on_card, 1), "add");
  const kernels_top_keys_request keys = cache.request(c);
  const int64_t room = std::min(limit, std::min(c.votes(), c.to - c.from));
  std::vector<int64_t> tokens(static_cast<size_t>(room), -7);
  int64_t count = -7;
  const kernels_votes_request request = {&keys, order, limit, tokens.data(), &count};
  done(kernels_votes(card, &request), "votes");
  const size_t most = static_cast<size_t>(std::min(limit, static_cast<int64_t>(expected.size())));
  expect(count == static_cast<int64_t>(most),
         describe(c, order, limit) + ": " + std::to_string(count) + " tokens, not " + std::to_string(most));
  // what is not answered is not written
  expected.resize(most);
  expected.resize(tokens.size(), -7);
  for (size_t i = 0; i < tokens.size(); i++) {
    longform::test::check(tokens[i] == expected[i], [&] {
      return describe(c, order, limit) + ": place " + std::to_string(i) + " is " + std::to_string(tokens[i]) + ", not " +
             std::to_string(expected[i]);
    });
  }
}

void check(const Case &c) {
  const Cache cache(c);
  const std::vector<int64_t> votes = cache.best(c);
  for (int64_t order : {KERNELS_ORDER_VOTES, KERNELS_ORDER_RANK}) {
    const std::vector<int64_t> expected = ordered(c, votes, order);
    const int64_t all = static_cast<int64_t>(expected.size());
    for (int64_t limit : {int64_t{0}, int64_t{1}, all / 2, all - 1, all, all + 1, INT64_MAX}) {
      if (limit >= 0) ask(c, cache, order, limit, expected);
    }
  }
}

void sizes() {
  for (int64_t k = 1; k <= 6; k++) {
    for (Keys keys : {kScattered, kFavoured, kWhole, kEqual}) {
      check({1, 2, 1, 3, 3 + std::max<int64_t>(k, 9), k, keys});
      check({7, 6, 2, 37, 166, k, keys});
      check({33, 4, 2, 5, 300, k, keys});
    }
    // as many answers as candidates, and one
    check({5, 4, 2, 9, 9 + k, k, kWhole});
  }
  for (int64_t candidates : {1, 2, 31, 127, 128, 129, 255, 256, 257}) {
    check({9, 4, 2, 1, 1 + candidates, std::min<int64_t>(3, candidates), kWhole});
  }
  // lists that more than one block sorts, and numbers of votes that no byte holds
  check({70, 6, 2, 11, 1100, 4, kScattered});
  check({300, 2, 1, 0, 700, 6, kScattered});
  check({400, 2, 2, 2, 90, 3, kFavoured});
  // more shares than one, each of more than a thread's item
  check({40, 16, 4, 0, 129, 5, kWhole});
  check({1, 4, 2, 0, 70000, 4, kScattered});
}

void options() {
  for (int64_t block_rows : {2, 7, 128}) check({12, 4, 2, 3, 600, 4, kWhole, block_rows});
  check({12, 6, 2, 3, 200, 4, kWhole, 1, KERNELS_PAIRING_MODULO});
  check({4, 4, 2, 3, 200, 4, kScattered, 1, KERNELS_PAIRING_GROUP, 128});
  // no candidate, and nobody who asks
  check({3, 4, 2, 5, 5, 0});
  check({0, 4, 2, 5, 50, 4});
}

// Tokens in memory of the card are waited for by who reads them.
void there() {
  const Case c = {9, 4, 2, 3, 200, 4, kWhole};
  const Cache cache(c);
  const kernels_top_keys_request keys = cache.request(c);
  void *memory = nullptr;
  done(kernels_card_allocate(card, 20 * 8, &memory), "allocate");
  int64_t count = 0;
  const kernels_votes_request request = {&keys, KERNELS_ORDER_VOTES, 20, static_cast<int64_t *>(memory), &count};
  done(kernels_votes(card, &request), "votes");
  std::vector<int64_t> tokens(20), expected = ordered(c, cache.best(c), KERNELS_ORDER_VOTES);
  done(kernels_card_copy(card, tokens.data(), memory, 20 * 8), "copy from the card");
  expected.resize(20);
  expect(count == 20 && tokens == expected, "other tokens in memory of the card");
  done(kernels_card_release(card, memory), "release");
}

void refusals() {
  const auto refused = [](const Case &c, kernels_device *device, const std::string &what) {
    const Cache cache(c);
    const kernels_top_keys_request keys = cache.request(c);
    int64_t token = -7, count = -7;
    const kernels_votes_request request = {&keys, KERNELS_ORDER_VOTES, 1, &token, &count};
    expect(kernels_votes(device, &request) == KERNELS_UNSUPPORTED && token == -7 && count == -7, what);
  };
  refused({2, 4, 2, 0, 50, 2}, processor, "a processor counts votes");
  refused({2, 5, 2, 0, 50, 2}, card, "a card counts votes of heads that do not share keys evenly");
  refused({2, 4, 2, 0, 50, 2, kScattered, 1, KERNELS_PAIRING_GROUP, 257}, card, "a card counts votes of large heads");
}

}  // namespace

int main() {
  int32_t isa = 0;
  while (kernels_isa_missing(isa) != nullptr) isa++;
  void *memory = nullptr;
  if (kernels_open_card(0, 1, &card) != KERNELS_OK || kernels_open(isa, 1, &processor) != KERNELS_OK ||
      kernels_card_allocate(card, 4, &memory) != KERNELS_OK) {
    std::fprintf(stderr, "Cannot open a card: %s\n", kernels_last_error());
    return 1;
  }
  on_card = static_cast<float *>(memory);
  sizes();
  options();
  there();
  refusals();
  kernels_close(card);
  kernels_close(processor);
  return end("votes");
}
