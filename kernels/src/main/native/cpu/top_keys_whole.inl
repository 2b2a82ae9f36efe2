// A search with few queries over one chunk of candidates, reading every key.

namespace longform {
namespace LONGFORM_ISA {

struct FewGroup {
  FewQueries few;
  CodedQueries coded;
  int64_t answers[4];
};

struct Stretch;

struct FewPiece {
  const TopKeysJob &job;
  FewGroup *groups;   // (key heads, groups of each)
  int64_t per_head;
  float *widened;     // (64, padded dims) and one value
  int64_t padded;
  Stretch *stretch;   // scratch of the search by sketches
  int64_t rescored;
};

inline int width_of(int64_t count) { return count > 2 ? 4 : static_cast<int>(count); }

// Keys whose dims are not whole vectors, or that are multiplied with a norm, pass through float32.
inline void widen_run(const FewPiece &piece, const KeyRun &run) {
  const int64_t dims = piece.job.layout.head_dim;
  for (int64_t j = 0; j < run.count; j++) {
    float *row = piece.widened + j * piece.padded;
    widen_key(piece.job, run.keys + j * run.row_bytes, row, piece.widened + kSketchRows * piece.padded);
    for (int64_t d = dims; d < piece.padded; d++) row[d] = 0;
  }
}

template <typename Keys>
inline void score_run(FewGroup &group, const KeyRun &run, int64_t dims, const TopKeysJob &job) {
  switch (width_of(group.few.count)) {
    case 1: few_run<Keys, 1>(group.few, run, dims, job.request.k, job.blocks); break;
    case 2: few_run<Keys, 2>(group.few, run, dims, job.request.k, job.blocks); break;
    default: few_run<Keys, 4>(group.few, run, dims, job.request.k, job.blocks); break;
  }
}

// All keys of a run, `Widens` if they pass through float32.
template <typename Keys, bool Widens>
inline void whole_run(FewPiece &piece, FewGroup *groups, int64_t count, const KeyRun &run) {
  for (int64_t from = 0; from < run.count; from += kSketchRows) {
    KeyRun part = {run.keys + from * run.row_bytes, run.row_bytes, run.first_row + from,
                   least(kSketchRows, run.count - from), run.next};
    if (Widens) {
      widen_run(piece, part);
      part.keys = part.next = reinterpret_cast<const char *>(piece.widened);
      part.row_bytes = piece.padded * 4;
    } else if (from + part.count < run.count) {
      part.next = part.keys + part.count * part.row_bytes;
    }
    for (int64_t i = 0; i < count && groups[i].few.count > 0; i++) {
      score_run<Keys>(groups[i], part, Widens ? piece.padded : piece.job.layout.head_dim, piece.job);
      piece.rescored += groups[i].few.count * part.count;
    }
  }
}

}  // namespace LONGFORM_ISA
}  // namespace longform
