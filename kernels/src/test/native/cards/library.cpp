// Who multiplies: the card's library where it is asked for and answers, tensor cores where it does not do a product,
// refuses it, finds no room or was found to answer wrongly; and products that it gets in several parts.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cpu/formats.h"
#include "cuda/card_check.h"
#include "cuda/card_device.h"
#include "cuda/sizes.h"
#include "watched_card.h"

namespace {

using longform::card::CardDevice;
using longform::card::kLeastLibraryTokens;
using longform::card::kLibraryBytes;
using longform::card::Units;
using longform::test::end;
using longform::test::expect;
using longform::test::WatchedCard;

std::mt19937 draws(31);

struct Watched {
  explicit Watched(Units units = Units::kLibrary)
      : card(new WatchedCard()), device(std::unique_ptr<longform::card::Card>(card), units) {}
  WatchedCard *card; // the device's
  CardDevice device;
};

std::vector<float> drawn(int64_t count) {
  std::vector<float> x(static_cast<size_t>(count));
  for (float &v : x) v = std::uniform_real_distribution<float>(-1, 1)(draws);
  return x;
}

// 2^-8 to 2^-5 as float16, 2^-7 to 2^-1 as bfloat16; of other dtypes whatever these bits are.
std::vector<uint16_t> weights(int64_t dtype, int64_t outer, int64_t inner) {
  std::vector<uint16_t> all(static_cast<size_t>(longform::stored_bytes(dtype, inner) * outer / 2));
  for (uint16_t &w : all) {
    const unsigned sign = draws() & 0x8000;
    w = static_cast<uint16_t>(sign | (dtype == KERNELS_BF16 ? 0x3c00 + draws() % 0x300 : 0x1c00 + draws() % 0xc00));
  }
  return all;
}

double value(int64_t dtype, uint16_t bits) {
  const double size = dtype == KERNELS_BF16 ? std::ldexp(128 + (bits & 127), (bits >> 7 & 255) - 134)
                                            : std::ldexp(1024 + (bits & 1023), (bits >> 10 & 31) - 25);
  return bits & 0x8000 ? -size : size;
}

struct Question {
  int64_t dtype, tokens, inner, outer;
  std::vector<float> x = drawn(tokens * inner);
  std::vector<uint16_t> weight = weights(dtype, outer, inner);

  std::string name() const {
    return "dtype " + std::to_string(dtype) + ", " + std::to_string(tokens) + " x " + std::to_string(inner) + " x " +
           std::to_string(outer);
  }
  std::vector<float> by(CardDevice &device) const {
    std::vector<float> out(static_cast<size_t>(tokens * outer), 1e30f);
    const kernels_product product = {weight.data(), out.data(), outer, dtype};
    device.matmul(x.data(), tokens, inner, &product, 1);
    return out;
  }
};

// Against loops in float64; limit: relative to what is added.
void check(const Question &question, const std::vector<float> &found, const std::string &what, double limit = 1e-6) {
  double worst = 0;
  for (int64_t t = 0; t < question.tokens; t++) {
    for (int64_t o = 0; o < question.outer; o++) {
      double sum = 0, size = 0;
      for (int64_t i = 0; i < question.inner; i++) {
        const double one = static_cast<double>(question.x[static_cast<size_t>(t * question.inner + i)]) *
                           value(question.dtype, question.weight[static_cast<size_t>(o * question.inner + i)]);
        sum += one;
        size += std::fabs(one);
      }
      const double off = std::fabs(static_cast<double>(found[static_cast<size_t>(t * question.outer + o)]) - sum);
      // what is no number is infinitely wrong
      if (!(off <= limit * size)) worst = std::max(worst, off < 1e30 ? off / size : 1e30);
    }
  }
  expect(worst == 0, question.name() + what + ": " + std::to_string(worst / limit) + " times as far off as it may be");
}

bool same(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void who_multiplies() {
  const int64_t least = kLeastLibraryTokens;
  for (int64_t dtype : {KERNELS_F32, KERNELS_F16, KERNELS_BF16, KERNELS_Q8_0}) {
    for (int64_t tokens : {int64_t{1}, int64_t{9}, least - 1, least, least + 1}) {
      for (Units units : {Units::kLibrary, Units::kTensorCores, Units::kOrdinary}) {
        const Question question = {dtype, tokens, 64, 16};
        Watched watched(units);
        question.by(watched.device);
        const bool halves = dtype == KERNELS_F16 || dtype == KERNELS_BF16;
        const bool here = units == Units::kLibrary && tokens >= least && halves;
        expect(watched.card->multiplied == (here ? 1 : 0),
               question.name() + ": the library multiplied " + std::to_string(watched.card->multiplied) + " times");
      }
    }
  }
}

// What the library does not do, refuses or has no room for has the bits of tensor cores.
void not_done() {
  CardDevice cores(longform::card::open_card(0), Units::kTensorCores);
  for (int64_t dtype : {KERNELS_F16, KERNELS_BF16}) {
    for (int64_t inner : {int64_t{1}, int64_t{33}, int64_t{100}}) {
      const Question question = {dtype, 70, inner, 9};
      Watched watched;
      const std::vector<float> found = question.by(watched.device);
      check(question, found, ": rows at odd places");
      // a library of a card may do such rows
      expect(watched.card->multiplied == 1 || same(found, question.by(cores)), question.name() + ": other bits");
    }
    const Question question = {dtype, 70, 64, 700};
    const std::vector<float> by_cores = question.by(cores);
    Watched refusing;
    refusing.card->library = WatchedCard::Library::kRefuses;
    expect(same(question.by(refusing.device), by_cores) && refusing.card->refused == 1, question.name() + ": refused");
    // its sums, which take more than everything else
    Watched full;
    full.card->most_scratch = 2 * 70 * 700 * 4 - 1;
    expect(same(question.by(full.device), by_cores) && full.card->multiplied == 0, question.name() + ": no room");
    full.card->most_scratch = 3 * 70 * 700 * 4;
    question.by(full.device);
    expect(full.card->multiplied == 1, question.name() + ": there is room again");
  }
}

// Weights on the card that begin anywhere an element may.
void at_odd_addresses() {
  for (int64_t dtype : {KERNELS_F16, KERNELS_BF16}) {
    const Question question = {dtype, 65, 64, 8};
    CardDevice cores(longform::card::open_card(0), Units::kTensorCores);
    const std::vector<float> expected = question.by(cores);
    for (int64_t skipped : {0, 1, 4, 8, 64}) {
      Watched watched;
      const int64_t bytes = static_cast<int64_t>(question.weight.size()) * 2;
      char *memory = static_cast<char *>(watched.device.allocate(bytes + 2 * skipped));
      watched.device.copy(memory + 2 * skipped, question.weight.data(), bytes);
      std::vector<float> out(expected.size(), 1e30f);
      const kernels_product product = {memory + 2 * skipped, out.data(), question.outer, dtype};
      watched.device.matmul(question.x.data(), question.tokens, question.inner, &product, 1);
      float most = 0;
      for (size_t i = 0; i < out.size(); i++) most = std::max(most, std::fabs(out[i] - expected[i]));
      expect(most <= 1e-5f,
             question.name() + ": " + std::to_string(most) + " off, " + std::to_string(skipped) + " further");
      expect(skipped % 8 != 0 || watched.card->multiplied == 1, question.name() + ": was not asked for");
      watched.device.release(memory);
    }
  }
}

// More rows of a weight than have room for their sums, and more tokens than have room for their pieces; two weights, so
// that pieces of the first tokens are made again. Scratch stays within what an operation may count on.
void in_parts() {
  for (int64_t dtype : {KERNELS_F16, KERNELS_BF16}) {
    const int64_t pieces = dtype == KERNELS_F16 ? 2 : 3;
    const int64_t rows = kLibraryBytes / (pieces * kLeastLibraryTokens * 4);
    const Question wide = {dtype, kLeastLibraryTokens, 8, rows + 200};
    Watched watched;
    check(wide, wide.by(watched.device), "");
    expect(watched.card->multiplied == 2, wide.name() + ": " + std::to_string(watched.card->multiplied) + " parts");
    const int64_t of_matmul = 4 * wide.tokens * (wide.inner + wide.outer) + 2 * wide.inner * wide.outer;
    const int64_t most = of_matmul + 2 * kLibraryBytes + 2 * longform::card::Lists::kBytes;
    expect(watched.card->most_scratch_seen <= most, wide.name() + ": too much scratch");

    const int64_t inner = kLibraryBytes / (pieces * 2 * kLeastLibraryTokens) / 32 * 32;
    const Question deep = {dtype, kLeastLibraryTokens + 37, inner, 8};
    Watched deeper;
    const std::vector<uint16_t> other = weights(dtype, 16, inner);
    std::vector<float> first(static_cast<size_t>(deep.tokens * 8), 1e30f), second(static_cast<size_t>(deep.tokens * 16));
    const kernels_product both[] = {{deep.weight.data(), first.data(), 8, dtype},
                                    {other.data(), second.data(), 16, dtype}};
    deeper.device.matmul(deep.x.data(), deep.tokens, inner, both, 2);
    // sums of so many are cut more often
    check(deep, first, ", first", 1e-5);
    Question of_other = deep;
    of_other.weight = other;
    of_other.outer = 16;
    check(of_other, second, ", second", 1e-5);
    expect(deeper.card->multiplied == 4, deep.name() + ": " + std::to_string(deeper.card->multiplied) + " parts");
  }
}

// Several small weights of the host, of which each is there when the library reads it.
void small_weights_of_the_host() {
  for (int64_t dtype : {KERNELS_F16, KERNELS_BF16}) {
    std::vector<Question> questions(1, Question{dtype, 70, 64, 24});
    for (int64_t outer : {8, 32}) {
      questions.push_back(questions.front());
      questions.back().outer = outer;
      questions.back().weight = weights(dtype, outer, 64);
    }
    std::vector<std::vector<float>> found;
    std::vector<kernels_product> products;
    for (const Question &each : questions) {
      found.emplace_back(static_cast<size_t>(each.tokens * each.outer), 1e30f);
      products.push_back({each.weight.data(), found.back().data(), each.outer, dtype});
    }
    Watched watched;
    watched.device.matmul(questions[0].x.data(), 70, 64, products.data(), 3);
    for (size_t i = 0; i < questions.size(); i++) check(questions[i], found[i], ", of the host");
    expect(watched.card->multiplied == 3, "small weights are multiplied elsewhere");
  }
}

// A library that answers wrongly is left when a card is opened, and one that answers rightly is not.
void asked_when_opened() {
  kernels_device *processor = nullptr;
  int32_t isa = 0;
  while (kernels_isa_missing(isa) != nullptr) isa++;
  expect(kernels_open(isa, 1, &processor) == KERNELS_OK, "there is no processor");
  const Question question = {KERNELS_F16, 70, 64, 9};
  CardDevice cores(longform::card::open_card(0), Units::kTensorCores);

  Watched sound;
  expect(longform::card::check_library(sound.device, processor), "a sound library is refused");
  expect(sound.card->multiplied == 2, "the question went elsewhere");
  question.by(sound.device);
  expect(sound.card->multiplied == 3, "a sound library is not asked");

  Watched lying;
  lying.card->library = WatchedCard::Library::kLies;
  expect(!same(question.by(lying.device), question.by(cores)), "a lie is the truth");
  expect(!longform::card::check_library(lying.device, processor), "a wrong library is taken");
  const int64_t before = lying.card->multiplied;
  expect(same(question.by(lying.device), question.by(cores)), "a wrong library answers");
  expect(lying.card->multiplied == before, "a wrong library is asked again");
  kernels_close(processor);
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot ask a card's library: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  if (!longform::test::library_is_here()) {
    std::printf("library: there is none here, so nothing was asked\n");
    return 0;
  }
  who_multiplies();
  not_done();
  at_odd_addresses();
  in_parts();
  small_weights_of_the_host();
  asked_when_opened();
  return end("library");
}
