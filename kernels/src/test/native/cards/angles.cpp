// Attention whose keys and queries turn by angles from a table of whole positions, against the same on a card that has no
// room for a table: the bits are the same, for all kinds of positions, whole and not, few and too many for the table. And the
// table itself: what it keeps, lets grow, gives back, and that a full card is not asked again and again.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checks.h"
#include "cuda/angle_table.h"
#include "cuda/card_device.h"
#include "kv_rows.h"
#include "watched_card.h"

namespace {

using longform::card::AngleTable;
using longform::card::CardDevice;
using longform::card::NearRoom;
using longform::card::Units;
using longform::test::end;
using longform::test::expect;
using longform::test::WatchedCard;

constexpr int64_t kRows = 150, kHeads = 4, kKvHeads = 2;

std::mt19937 draws(37);
float uniform() { return std::uniform_real_distribution<float>(-1, 1)(draws); }
int64_t below(int64_t count) { return static_cast<int64_t>(draws() % static_cast<unsigned>(count)); }

// Rows in float16 on the host, and the plan of one call.
struct Call {
  int64_t dim, tokens;
  std::vector<char> memory;
  std::vector<float> queries;
  std::vector<double> frequencies, positions, query_positions, scales;
  kernels_kv_layout layout;
  std::vector<std::vector<kernels_run>> runs;
  std::vector<std::vector<int64_t>> starts;
  std::vector<kernels_segment> segments;
  kernels_attention attention = {};

  explicit Call(int round) : dim(round % 3 == 0 ? 34 : 64), tokens(round % 2 == 0 ? 1 : 5) {
    layout = {KERNELS_KV_F16, kKvHeads, dim, 2 * dim, 2 * dim * kRows, 4 * dim * kRows};
    memory.resize(static_cast<size_t>(kKvHeads * layout.head_stride));
    std::vector<float> row(static_cast<size_t>(dim));
    for (int64_t i = 0; i < 2 * kKvHeads * kRows; i++) {
      for (float &x : row) x = uniform();
      longform::kv::store_row(KERNELS_KV_F16, row.data(), dim, memory.data() + i * 2 * dim);
    }
    queries.resize(static_cast<size_t>(tokens * kHeads * dim));
    for (float &x : queries) x = 3 * uniform();
    const int64_t pairs = dim / 2 - below(3);
    const double base = 10000 + static_cast<double>(below(3)) * 1000;
    for (int64_t i = 0; i < pairs; i++) {
      frequencies.push_back(std::pow(base, -2. * static_cast<double>(i) / static_cast<double>(dim)));
    }
    // whole, and then perhaps one of them not
    for (int64_t i = 0; i < kRows; i++) positions.push_back(static_cast<double>(below(500)));
    for (int64_t i = 0; i < tokens; i++) query_positions.push_back(static_cast<double>(below(500)));
    if (below(3) == 0) query_positions[static_cast<size_t>(below(tokens))] += 0.25;
    for (int64_t h = 0; h < kHeads; h++) scales.push_back(1 + static_cast<double>(h) / 8);
    for (int64_t s = 0; s < 2; s++) add_segment(round);
    attention.queries = queries.data();
    attention.tokens = tokens;
    attention.heads = kHeads;
    attention.first_row = kRows - tokens;
    attention.scale = 1 / std::sqrt(static_cast<double>(dim));
    attention.encoding = below(2) == 0 ? KERNELS_ROPE_HALF_SPLIT : KERNELS_ROPE_INTERLEAVED;
    attention.frequencies = frequencies.data();
    attention.pairs = pairs;
    attention.attention_factor = below(3) == 0 ? 1.25 : 1;
    attention.layout = &layout;
    attention.segment_count = 2;
  }

  void add_segment(int round) {
    const int64_t groups = below(2) == 0 ? 1 : kKvHeads, first = below(40), count = 1 + below(kRows - first - 1);
    runs.emplace_back();
    starts.push_back({0});
    for (int64_t g = 0; g < groups; g++) {
      const int64_t own = std::max<int64_t>(1, count - 7 * g);
      runs.back().push_back({memory.data() + first * layout.row_bytes, first, 0, own});
      starts.back().push_back(g + 1);
    }
    kernels_segment segment = {};
    segment.groups = groups;
    const int64_t kinds[] = {KERNELS_POSITION_TRUE, KERNELS_POSITION_CONTIGUOUS, KERNELS_POSITION_CONSTANT,
                             KERNELS_POSITION_STRIDED, KERNELS_POSITION_LISTED};
    segment.key_kind = kinds[(round + below(2)) % 5];
    segment.key_first = below(4) == 0 ? -20 : below(100);
    segment.key_anchor = segment.key_kind == KERNELS_POSITION_STRIDED ? below(2 * first + 1) : 0;
    segment.key_stride = 1 + below(4);
    segment.key_position = static_cast<double>(below(300)) + (below(3) == 0 ? 0.5 : 0);
    segment.key_positions = positions.data();
    const int64_t asked[] = {KERNELS_POSITION_TRUE, KERNELS_POSITION_CONSTANT, KERNELS_POSITION_SHIFTED,
                             KERNELS_POSITION_LISTED};
    segment.query_kind = asked[below(4)];
    segment.query_position = segment.query_kind == KERNELS_POSITION_SHIFTED ? -static_cast<double>(below(kRows + 20))
                                                                             : static_cast<double>(below(400)) / 2;
    segment.query_anchor = kRows - tokens;
    segment.query_positions = query_positions.data();
    segment.query_to = INT64_MAX;
    segment.logit_scale = 1;
    if (below(5) == 0) segment.head_scales = scales.data();
    segments.push_back(segment);
  }

  std::vector<float> on(CardDevice &card) {
    for (size_t s = 0; s < segments.size(); s++) {
      segments[s].runs = runs[s].data();
      segments[s].run_starts = starts[s].data();
    }
    std::vector<float> out(queries.size(), 1e30f);
    attention.out = out.data();
    attention.segments = segments.data();
    card.attend(attention);
    card.finish();
    return out;
  }
};

void compare() {
  WatchedCard *watched = new WatchedCard(), *plainly = new WatchedCard();
  CardDevice tables{std::unique_ptr<longform::card::Card>(watched)};
  CardDevice none(std::unique_ptr<longform::card::Card>(plainly), Units::kLibrary, NearRoom::kUsualBytes, 0);
  // 200 positions of 32 pairs
  CardDevice small(longform::card::open_card(0), Units::kLibrary, NearRoom::kUsualBytes, 200 * 32 * 2 * 4);
  int64_t fewer = 0;
  for (int round = 0; round < 200; round++) {
    Call call(round);
    const int64_t before = watched->launches - plainly->launches;
    const std::vector<float> expected = call.on(none), found = call.on(tables), some = call.on(small);
    fewer += watched->launches - plainly->launches < before;
    const std::string which = "round " + std::to_string(round);
    expect(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)) == 0, which + ": other bits");
    expect(std::memcmp(some.data(), expected.data(), some.size() * sizeof(float)) == 0,
           which + ": other bits with a small table");
  }
  expect(fewer > 30, "the table spared a kernel in " + std::to_string(fewer) + " of 200 rounds");
}

// A card that refuses more than so many bytes, and counts how often it is asked for its room.
class FullCard : public WatchedCard {
 public:
  void free_bytes(int64_t *free, int64_t *all) const override {
    asked++;
    WatchedCard::free_bytes(free, all);
    *free = room;
  }
  int64_t spared_bytes() const override { return 0; }
  int64_t room = int64_t{1} << 40;
  mutable int64_t asked = 0;
};

std::vector<double> frequencies_from(double base) {
  std::vector<double> all;
  for (int i = 0; i < 16; i++) all.push_back(std::pow(base, -i / 16.));
  return all;
}

void kept() {
  FullCard card;
  {
    AngleTable table(card, AngleTable::kLeastMost);
    const std::vector<double> first = frequencies_from(10000);
    const float *few = table.of(first.data(), 16, 1, 10);
    const int64_t launches = card.launches, bytes = table.bytes();
    expect(few != nullptr && bytes >= 10 * 16 * 8, "no table was made");
    expect(table.of(first.data(), 16, 1, 8000) == few && card.launches == launches, "a table is made again");
    expect(table.of(first.data(), 16, 1.5, 10) != few, "another factor has the same table");
    expect(table.of(first.data(), 15, 1, 10) != few, "fewer pairs have the same table");
    expect(table.of(first.data(), 16, 1, 10) == few, "a table is forgotten for others");
    // each has its own numbers, also when some were dropped
    for (int turn = 0; turn < 3; turn++) {
      for (double base : {10., 20., 30., 40., 50., 60.}) {
        const std::vector<double> own = frequencies_from(base);
        const int64_t positions = 100 + 9000 * turn;
        const float *angles = table.of(own.data(), 16, 2, positions);
        std::vector<float> last(32);
        card.download(last.data(), angles + 32 * (positions - 1), 32 * 4);
        for (size_t i = 0; i < 16; i++) {
          const double turned = static_cast<double>(positions - 1) * own[i];
          expect(last[2 * i] == static_cast<float>(2 * std::cos(turned)) &&
                     last[2 * i + 1] == static_cast<float>(2 * std::sin(turned)),
                 "a wrong angle of position " + std::to_string(positions - 1));
        }
      }
    }
    expect(table.bytes() <= 4 * (40000 * 16 * 8 + 16 * 8), "too many tables are kept");
    expect(table.of(first.data(), 16, 1, AngleTable::kLeastMost / (16 * 8) + 1) == nullptr, "a table has no end");
    const int64_t held = table.bytes();
    card.wait();
    expect(table.give_back() == held && table.bytes() == 0, "not all is given back");
    // just enough for what is wanted, and then for nothing
    card.room = 300 * 16 * 8 + 16 * 8;
    expect(table.of(first.data(), 16, 1, 300) != nullptr, "a table that fits is not made");
    card.room = 0;
    const int64_t asked = card.asked;
    for (int i = 0; i < 500; i++) expect(table.of(first.data(), 16, 1, 9000) == nullptr, "there was no room");
    expect(card.asked - asked <= 2, "a full card is asked again and again");
    card.room = int64_t{1} << 40;
    int64_t tries = 0;
    while (table.of(first.data(), 16, 1, 9000) == nullptr && tries < 2000) tries++;
    expect(tries < 2000, "what has room again is never asked");
    // before the table ends
    card.wait();
  }
}

}  // namespace

int main() {
  if (!longform::card::card_missing(0).empty()) {
    std::fprintf(stderr, "Cannot attend on a card: %s.\n", longform::card::card_missing(0).c_str());
    return 1;
  }
  kept();
  compare();
  return end("angles");
}
