#include "angle_table.h"

#include <algorithm>

#include "card_device.h"
#include "sizes.h"

namespace longform::card {
namespace {

// Models have one list of frequencies, or two for different layers; strategies may change them with the length.
constexpr size_t kMostTables = 4;
constexpr int64_t kLeastPositions = 8192;
// How often a card that had no room is spared the question.
constexpr int64_t kPatience = 1000;

}  // namespace

int64_t AngleTable::Table::bytes() const {
  const int64_t pairs = static_cast<int64_t>(frequencies.size());
  return pairs * (positions * 2 * static_cast<int64_t>(sizeof(float)) + static_cast<int64_t>(sizeof(double)));
}

const float *AngleTable::of(const double *frequencies, int64_t pairs, double factor, int64_t positions) {
  const int64_t most = most_bytes_ / (pairs * 2 * static_cast<int64_t>(sizeof(float)));
  if (positions > most) return nullptr;
  const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const Table &table) {
    return table.factor == factor && std::equal(table.frequencies.begin(), table.frequencies.end(), frequencies,
                                                frequencies + pairs);
  });
  if (found != tables_.end()) {
    std::rotate(tables_.begin(), found, found + 1);
    if (tables_.front().positions >= positions) return tables_.front().angles;
  }
  if (unasked_ > 0) {
    unasked_--;
    return nullptr;
  }
  int64_t wanted = std::min(most, std::max(kLeastPositions, positions));
  if (found != tables_.end()) {
    wanted = std::min(most, std::max(wanted, 2 * tables_.front().positions));
    drop(tables_.begin());
  } else if (tables_.size() == kMostTables) {
    drop(tables_.end() - 1);
  }
  Table table = {{frequencies, frequencies + pairs}, factor, 0, nullptr, nullptr};
  if (!take(table, wanted) && !take(table, positions)) {
    unasked_ = kPatience;
    return nullptr;
  }
  card_.upload(table.frequencies_there, frequencies, pairs * static_cast<int64_t>(sizeof(double)));
  AngleTableArgs args = {table.frequencies_there, table.angles, table.positions, pairs, factor};
  Grid grid;
  grid.x = blocks_of(table.positions * pairs, kThreads);
  card_.launch(Kernel::card_angle_table, grid, &args);
  tables_.insert(tables_.begin(), table);
  return table.angles;
}

bool AngleTable::take(Table &table, int64_t positions) {
  table.positions = positions;
  int64_t free = 0, all = 0;
  card_.free_bytes(&free, &all);
  if (table.bytes() > free - card_.spared_bytes()) return false;
  char *memory = nullptr;
  try {
    memory = static_cast<char *>(card_.allocate(table.bytes()));
  } catch (const CardFull &) {
    return false;
  }
  table.frequencies_there = reinterpret_cast<double *>(memory);
  table.angles = reinterpret_cast<float *>(memory + table.frequencies.size() * sizeof(double));
  return true;
}

void AngleTable::drop(std::vector<Table>::iterator table) {
  // what reads it may not be done
  card_.wait();
  card_.release(table->frequencies_there);
  tables_.erase(table);
}

int64_t AngleTable::give_back() {
  const int64_t went = bytes();
  for (const Table &table : tables_) card_.release(table.frequencies_there);
  tables_.clear();
  return went;
}

int64_t AngleTable::bytes() const {
  int64_t all = 0;
  for (const Table &table : tables_) all += table.bytes();
  return all;
}

}  // namespace longform::card
