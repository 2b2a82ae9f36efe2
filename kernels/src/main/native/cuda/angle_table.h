// Cosines and sines of whole positions from 0 on. Keys of all layers and documents turn by the same few frequencies,
// and by whole positions for the most part, so that they are computed once and not for each operation. For one thread at a time.
#pragma once

#include <algorithm>
#include <vector>

#include "card.h"

namespace longform::card {

class AngleTable {
 public:
  // What turns by more positions than fit has angles of its own, in memory that is spared for operations: so a table may
  // have as much as that on a large card.
  static constexpr int64_t kLeastMost = int64_t{128} << 20;
  static int64_t usual_bytes(const Card &card) { return std::max(kLeastMost, card.spared_bytes()); }

  AngleTable(Card &card, int64_t most_bytes) : card_(card), most_bytes_(most_bytes) {}
  AngleTable(const AngleTable &) = delete;
  AngleTable &operator=(const AngleTable &) = delete;
  // The card must be idle.
  ~AngleTable() { give_back(); }

  // (positions, pairs, 2) at least, in the card's memory, good until the next call; NULL where there is no room. The
  // frequencies are the host's.
  const float *of(const double *frequencies, int64_t pairs, double factor, int64_t positions);
  // Bytes that went. The card must be idle.
  int64_t give_back();

  int64_t bytes() const;

 private:
  struct Table {
    std::vector<double> frequencies;
    double factor;
    int64_t positions;
    float *angles;
    double *frequencies_there;
    int64_t bytes() const;
  };

  // Room for so many positions, which are not filled.
  bool take(Table &table, int64_t positions);
  void drop(std::vector<Table>::iterator table);

  Card &card_;
  const int64_t most_bytes_; // of each
  std::vector<Table> tables_; // the one that was asked for last comes first
  int64_t unasked_ = 0;       // so often a full card is not asked again
};

}  // namespace longform::card
