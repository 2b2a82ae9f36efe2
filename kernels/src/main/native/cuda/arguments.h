// What each kernel is launched with, and the list of kernels. Shared by the host's code and the card's.
// Letters as in kernels.h; all addresses are the card's.
#pragma once

#include <stdint.h>

#include "../kernels.h"

namespace longform::card {

struct AddArgs {
  float *x;       // (elements)
  const float *y; // (width), again and again
  int64_t elements;
  int64_t width;
};

struct RmsNormArgs {
  const float *x;
  const float *gain;
  double epsilon;
  int64_t inner;
  float *out;
};

struct CenterArgs {
  const float *x;
  int64_t inner;
  float *out;
};

struct MultiplyArgs {
  float *x;
  const float *y;
  int64_t elements;
};

struct MapArgs {
  float *x;
  int64_t elements;
  int32_t function;
  float parameter;
};

struct StoreArgs {
  const float *keys; // (T, G, D)
  const float *values;
  const kernels_place *places;
  kernels_kv_layout layout;
};

struct CopyArgs {
  const kernels_piece *pieces;
};

struct SwiGluArgs {
  float *gate;
  const float *up;
  int64_t elements;
};

struct GatherArgs {
  const uint8_t *table;
  const int32_t *ids;
  float *out;
  int64_t dtype;
  int64_t inner;
  int64_t row_bytes;
};

// Activations as signed bytes: blocks of 32, each with a scale and scale times sum.
struct CodesArgs {
  const float *x; // (blocks, 32)
  int8_t *codes;
  float *scales;
  float *sums;
  int64_t blocks;
};

// Activations as sums of numbers of 16 bits, rows padded with zeros to whole blocks of 32.
struct SplitArgs {
  const float *x;   // (T, I)
  uint16_t *pieces; // (pieces, T, padded)
  float *scales;    // (T, padded / 32) of float16, or (T) of whole rows; not of bfloat16
  int64_t tokens;
  int64_t inner;
  int64_t padded;
};

// What the pieces of activations make with some rows of a weight, brought together.
struct JoinArgs {
  const float *sums;   // (pieces, T, width)
  const float *scales; // (T) of float16; not of bfloat16
  float *out;          // (T, width), rows `stride` apart
  int64_t pieces;
  int64_t tokens;
  int64_t width;
  int64_t stride;
};

// Of weights of 16 bits.
struct SplitMatmulArgs {
  const uint16_t *pieces; // as SplitArgs
  const float *scales;
  const uint8_t *weight; // (O, I)
  float *out;            // (T, O)
  int64_t tokens;
  int64_t inner;
  int64_t padded;
  int64_t outer;
  int64_t row_bytes;
};

// Matrices of mma.h as the lanes of warps have them.
struct FragmentArgs {
  const uint32_t *a; // (warps, 32, 4)
  const uint32_t *b; // (warps, 32, 2)
  uint32_t *c;       // (warps, 32, 4), the products are added to it
  int64_t warps;
};

struct LoadsArgs {
  const uint32_t *matrix; // (16, pitch)
  uint32_t *loaded;       // (32, 8) what lanes get as words of a, of b, and of b from below
  int64_t pitch;
};

struct MatmulArgs {
  const float *x;      // (T, I)
  const int8_t *codes; // as CodesArgs, of x
  const float *scales;
  const float *sums;
  const uint8_t *weight; // (O, I)
  float *out;            // (T, O)
  int64_t tokens;
  int64_t inner;
  int64_t outer;
  int64_t row_bytes;
};

// Products of few tokens, of weights of one dtype that meet the same x.
struct FewProduct {
  const uint8_t *weight; // (O, I)
  float *out;            // (T, O)
  int64_t outer;
  int64_t first; // which block of the grid has its first rows
};

constexpr int kMostFewProducts = 4;

struct FewArgs {
  const float *x;      // (T, I)
  const int8_t *codes; // as CodesArgs, of x
  const float *scales;
  const float *sums;
  FewProduct products[kMostFewProducts]; // in the order of their blocks; those beyond count have no first block
  int64_t tokens;
  int64_t inner;
  int64_t row_bytes;
};

// A row of a list.
struct ListRow {
  const char *key; // first head's
  int64_t row;     // document index
  double position; // before a head's scale
};

// Runs become rows: one block for each run.
struct RowsArgs {
  const kernels_run *runs;
  const int64_t *list_starts; // (runs) where the list of a run begins in `rows`, or NULL for one list
  ListRow *rows;
  int64_t end;                // of a list: places from here on are left out
  int64_t row_bytes;
  int64_t key_kind;
  int64_t key_anchor;
  int64_t key_first;
  int64_t key_stride;
  double key_position;
  const double *key_positions;
  const int64_t *chosen_count; // runs from place chosen_place on stand behind so many more rows; or NULL
  int64_t chosen_place;
};

// The rows of a list that were chosen before.
struct ChosenRowsArgs {
  RowsArgs list;                  // of one list, which begins at rows[0]
  const kernels_chosen_row *rows; // (*list.chosen_count)
  const double *positions;        // (tokens) of queries
  double *moved;                  // the same behind the chosen rows
  int64_t *starts;                // (2) where the list begins and ends among all rows
  int64_t first;                  // where it begins
  int64_t known;                  // rows that were not chosen
  int64_t tokens;
};

// One segment as the attention kernels read it.
struct CardSegment {
  const int64_t *starts;   // (groups + 1) of its lists in the rows of the call
  const double *scales;    // (H) on positions, or NULL
  const uint8_t *mask;
  const float *angles;     // cosine and sine, (rows, variants, pairs, 2); or
  const float *table;      // those of whole positions, (positions, pairs, 2)
  const float *queries;    // (T, H, D), turned for this segment
  const double *positions; // (T) of queries, before a head's scale
  int64_t groups;
  int64_t variants; // 1, or the heads that share a list if each has a scale
  int64_t first;    // starts[0]
  int64_t band;
  int64_t width;
  int64_t width_end;
  int64_t mask_width;
  int64_t query_from;
  int64_t query_to;
  double logit_scale;
};

// Cosines and sines of the rows of one segment.
struct AnglesArgs {
  const ListRow *rows; // of the segment
  const int64_t *starts;
  const double *scales;
  const double *frequencies;
  float *angles;
  int64_t first;
  int64_t count; // rows
  int64_t groups;
  int64_t variants;
  int64_t pairs;
  double factor;
};

// Cosines and sines of whole positions.
struct AngleTableArgs {
  const double *frequencies; // (pairs)
  float *angles;             // (positions, pairs, 2)
  int64_t positions;
  int64_t pairs;
  double factor;
};

// Queries turned for one segment: one block for each token.
struct TurnArgs {
  const float *queries; // (T, H, D)
  float *turned;
  const double *positions; // (T)
  const double *scales;    // (H) or NULL
  const double *frequencies;
  const float *table; // of whole positions, where all are, or NULL
  int64_t heads;
  int64_t head_dim;
  int64_t pairs;
  int64_t interleaved;
  double factor;
};

struct AttendArgs {
  const CardSegment *segments;
  const ListRow *rows;
  const double *slopes; // (H), ALiBi only
  float *partial;       // (splits, T, H, D)
  float *largest;       // (splits, T, H)
  float *sums;          // (splits, T, H)
  int64_t segment_count;
  int64_t tokens;
  int64_t heads;
  int64_t units; // lists of keys that blocks work on: each has heads / units query heads
  int64_t splits;
  int64_t first_row;
  int64_t pairs;
  int64_t interleaved;
  double scale;
  double soft_cap;
  kernels_kv_layout layout;
};

struct MergeArgs {
  const float *partial;
  const float *largest;
  const float *sums;
  float *out;
  float *log_sum_exp; // or NULL
  float *stats;       // (T, H, 2): largest logit and one over the sum; or NULL
  int64_t splits;
  int64_t rows; // T * H
  int64_t head_dim;
};

// Mass of the rows of one segment.
struct MassArgs {
  AttendArgs attend;
  const float *stats;
  float *mass;
  int64_t segment;
  int64_t group;
  int64_t of_heads;
};

// Rows that are copied to `room`: see near.inl.
struct NearArgs {
  const ListRow *from;
  ListRow *to;           // the same rows where they are copied
  char *room;
  const int64_t *starts; // (groups + 1) of their lists among all rows; NULL for one list
  int64_t groups;
  int64_t first;         // the first row among all
  int64_t count;
  int64_t values;        // whether values are copied, too
  int64_t bytes;         // of a key, or a value, of one head
  kernels_kv_layout layout;
  kernels_kv_layout near; // of the copies
};

struct NormArgs {
  const ListRow *rows;
  float *norms; // (G, rows)
  int64_t count;
  int64_t squares;
  kernels_kv_layout layout;
};

// Pages whose sketches are to be made.
struct SketchArgs {
  const kernels_sketch_page *pages;
  kernels_kv_layout layout;
};

// Candidates by half pages: half h is rows 32 (h % 2) to 32 (h % 2) + 31 of run h / 2.
struct KeyHalves {
  const kernels_run *runs;
  const uint32_t *numbers; // (G, most) in any order
  const uint32_t *counts;  // (G)
  int64_t most;
};

struct TopKeysArgs {
  const float *queries; // (Q, H, D)
  const ListRow *rows;  // (items) candidates from `first` on
  KeyHalves halves;     // or these, of top_keys_halves_* and top_keys_cores_halves_*
  const float *norms;   // (G, count) or NULL
  uint64_t *best;       // (H * Q, lists, slots); of whole_scores (key heads from first_unit on, tiles * 32, columns)
  int64_t query_count;
  int64_t heads;
  int64_t count; // candidates
  int64_t first;
  int64_t items;
  int64_t splits;
  int64_t lists; // of an answer, those of these splits from first_list on
  int64_t first_list;
  int64_t modulo;
  int64_t first_tile; // of query rows, whole_scores only
  int64_t first_unit; // of key heads, whole_scores only
  int64_t columns;
  kernels_kv_layout layout;
};

// Lists of words, best first, become one.
struct BestArgs {
  const uint64_t *lists; // (rows, splits, slots)
  int64_t *rows;         // (rows, k)
  float *scores;
  int64_t splits;
  int64_t k;
  int64_t from;
  int64_t count; // rows
};

// Listed keys and the queries that meet them.
struct KeyScoresArgs {
  const float *queries;     // (Q, H, D)
  const kernels_run *keys;  // (H, N)
  const double *positions;  // (N)
  const double *frequencies; // (pairs)
  float *angles;            // (N, pairs, cosine and sine)
  float *scores;            // (H, N)
  int64_t query_count;
  int64_t heads;
  int64_t count; // N
  int64_t pairs; // 0 if keys are taken as they are
  int64_t interleaved;
  double factor;
  kernels_kv_layout layout;
};

// A query as signed bytes: q = step * code + what is left.
struct CodedQuery {
  float half_step;
  float norm;     // at least |q|; infinite for what cannot be bounded
  float rest;     // at least the norm of what is left
  int32_t centre; // 15 * sum of codes
};

// The search with sketches: see sketched_keys.inl. R rows of queries meet a key head.
struct SketchedArgs {
  const float *queries;        // (Q, H, D)
  const kernels_run *runs;     // each of one page
  const char *const *sketches; // (runs) or NULL where a run has none
  uint32_t *codes;             // (G, quads, padded) of queries, four dimensions a word
  CodedQuery *coded;           // (G, padded)
  float *bounds;               // (G, halves, R); the first is no number where nothing is left to be scored
  uint64_t *peaks;             // (G, R, shares, slots)
  uint32_t *peak_halves;       // (G, R * peaks of a row)
  uint32_t *peak_counts;       // (G)
  uint32_t *open_halves;       // (G, halves)
  uint32_t *open_counts;       // (G)
  uint32_t *keys;              // (G) how many are scored
  const uint64_t *best;        // (H * Q, lists, slots) of peak halves, the first `peak_lists` of them
  int64_t lists;
  int64_t peak_lists;
  int64_t k;
  int64_t query_count;
  int64_t heads;
  int64_t modulo;
  int64_t run_count;
  int64_t count; // candidates
  int64_t query_rows;
  int64_t padded; // query_rows as 4, 8 or 16
  int64_t shares;
  int64_t peaks_of_row; // a multiple of the slots
  kernels_kv_layout layout;
};

// Rows of words: the best of each block of them, then sorted.
struct SortArgs {
  uint64_t *words; // (rows, columns), columns a power of two
  int64_t *rows;
  float *scores;
  int64_t count; // candidates
  int64_t columns;
  int64_t block_rows;
  int64_t k;
  int64_t from;
  const int64_t *answers; // for each row the answer it is, or -1
};

// Votes for candidates, and those chosen by them: see votes.inl.
struct VotesArgs {
  const int64_t *rows; // (voters, k) best first; a voter is a query of a head
  uint32_t *weights;   // (candidates) as the order has them, 0 without a vote
  uint32_t *reached;   // (voters + 2) how many have so many votes or more; not by rank
  uint64_t *shares;    // (blocks) how many are chosen, and how many are of those of which some are
  uint64_t *words;     // (limit) the chosen; to be sorted (a power of two)
  int64_t *tokens;     // (limit)
  int64_t *chosen;     // how many they are
  int64_t voters;
  int64_t k;
  int64_t from;
  int64_t candidates;
  int64_t limit; // at least 1
  int64_t order;
};

// Spans around the voted tokens: see spans.inl.
struct SpansArgs {
  const uint64_t *words;   // the voted tokens, see VotesArgs
  const int64_t *voted;    // how many they are
  uint32_t *marks;         // a bit for each candidate
  uint64_t *shares;        // (blocks) how many are marked
  const kernels_run *runs; // of all candidates
  kernels_chosen_row *rows;
  int64_t *count;
  int64_t run_count;
  int64_t from;
  int64_t candidates;
  int64_t reach;
  int64_t budget;
  int64_t row_bytes;
};

// Steps of a sorting network, from one on: lists of `length` words to those of `last`, of each list the steps between
// words `stride` apart to those `least` apart. Either one step, or steps within 2 * kThreads words.
struct VotesSortArgs {
  uint64_t *words;
  int64_t length;
  int64_t last;
  int64_t stride;
  int64_t least;
};

}  // namespace longform::card

// Every kernel and its arguments; %_N are made for heads of up to N dimensions.
#define LONGFORM_CARD_KERNELS(K)                                                                              \
  K(card_add, AddArgs) K(card_rms_norm, RmsNormArgs) K(card_swi_glu, SwiGluArgs) K(card_gather, GatherArgs)   \
  K(card_center, CenterArgs) K(card_multiply, MultiplyArgs) K(card_map, MapArgs) K(card_store, StoreArgs)     \
  K(card_codes, CodesArgs) K(card_copy, CopyArgs)                                                             \
  K(matmul_few_f32, FewArgs) K(matmul_few_f16, FewArgs) K(matmul_few_bf16, FewArgs)                           \
  K(matmul_few_q8_0, FewArgs) K(matmul_few_q4_0, FewArgs) K(matmul_few_q5_0, FewArgs)                         \
  K(matmul_few_q4_k, FewArgs) K(matmul_few_q5_k, FewArgs) K(matmul_few_q6_k, FewArgs)                         \
  K(matmul_many_f32, MatmulArgs) K(matmul_many_f16, MatmulArgs) K(matmul_many_bf16, MatmulArgs)               \
  K(matmul_many_q8_0, MatmulArgs) K(matmul_many_q4_0, MatmulArgs) K(matmul_many_q5_0, MatmulArgs)             \
  K(matmul_many_q4_k, MatmulArgs) K(matmul_many_q5_k, MatmulArgs) K(matmul_many_q6_k, MatmulArgs)             \
  K(card_split_f16, SplitArgs) K(card_split_bf16, SplitArgs)                                                  \
  K(card_split_rows_f16, SplitArgs) K(card_join, JoinArgs)                                                    \
  K(matmul_cores_f16, SplitMatmulArgs) K(matmul_cores_bf16, SplitMatmulArgs)                                  \
  K(matmul_cores_q8_0, MatmulArgs) K(matmul_cores_q4_0, MatmulArgs) K(matmul_cores_q5_0, MatmulArgs)          \
  K(matmul_cores_q4_k, MatmulArgs) K(matmul_cores_q5_k, MatmulArgs) K(matmul_cores_q6_k, MatmulArgs)          \
  K(mma_f16, FragmentArgs) K(mma_bf16, FragmentArgs) K(mma_s8, FragmentArgs) K(mma_s8_half, FragmentArgs)     \
  K(mma_loads, LoadsArgs)                                                                                     \
  K(card_rows, RowsArgs) K(card_angles, AnglesArgs) K(card_turn, TurnArgs)                                    \
  K(card_angle_table, AngleTableArgs)                                                                         \
  K(card_chosen_rows, ChosenRowsArgs) K(card_near, NearArgs)                                                  \
  K(attend_32, AttendArgs) K(attend_64, AttendArgs) K(attend_96, AttendArgs) K(attend_128, AttendArgs)        \
  K(attend_256, AttendArgs) K(attend_merge, MergeArgs)                                                        \
  K(attend_cores_64, AttendArgs) K(attend_cores_128, AttendArgs)                                              \
  K(attend_few_4_64, AttendArgs) K(attend_few_4_128, AttendArgs) K(attend_few_4_256, AttendArgs)              \
  K(attend_few_8_64, AttendArgs) K(attend_few_8_128, AttendArgs) K(attend_few_8_256, AttendArgs)              \
  K(mass_32, MassArgs) K(mass_64, MassArgs) K(mass_96, MassArgs) K(mass_128, MassArgs) K(mass_256, MassArgs)  \
  K(value_norms, NormArgs)                                                                                    \
  K(top_keys_32, TopKeysArgs) K(top_keys_64, TopKeysArgs) K(top_keys_96, TopKeysArgs)                         \
  K(top_keys_128, TopKeysArgs) K(top_keys_256, TopKeysArgs) K(top_keys_merge, BestArgs)                       \
  K(top_keys_cores_few_f16_64, TopKeysArgs) K(top_keys_cores_few_f16_128, TopKeysArgs)                        \
  K(top_keys_cores_few_q8_64, TopKeysArgs) K(top_keys_cores_few_q8_128, TopKeysArgs)                          \
  K(top_keys_cores_many_f16_64, TopKeysArgs) K(top_keys_cores_many_f16_128, TopKeysArgs)                      \
  K(top_keys_cores_many_q8_64, TopKeysArgs) K(top_keys_cores_many_q8_128, TopKeysArgs)                        \
  K(top_keys_halves_32, TopKeysArgs) K(top_keys_halves_64, TopKeysArgs) K(top_keys_halves_96, TopKeysArgs)    \
  K(top_keys_halves_128, TopKeysArgs) K(top_keys_halves_256, TopKeysArgs)                                     \
  K(top_keys_cores_halves_f16_64, TopKeysArgs) K(top_keys_cores_halves_f16_128, TopKeysArgs)                  \
  K(top_keys_cores_halves_q8_64, TopKeysArgs) K(top_keys_cores_halves_q8_128, TopKeysArgs)                    \
  K(card_sketch, SketchArgs) K(sketch_queries, SketchedArgs) K(sketch_bounds_4, SketchedArgs)                 \
  K(sketch_bounds_8, SketchedArgs) K(sketch_bounds_16, SketchedArgs) K(sketch_peaks, SketchedArgs)            \
  K(sketch_open, SketchedArgs)                                                                                \
  K(whole_scores_32, TopKeysArgs) K(whole_scores_64, TopKeysArgs) K(whole_scores_96, TopKeysArgs)             \
  K(whole_scores_128, TopKeysArgs) K(whole_scores_256, TopKeysArgs) K(top_keys_sort, SortArgs)             \
  K(votes_count, VotesArgs) K(votes_first, VotesArgs) K(votes_shares, VotesArgs) K(votes_choose, VotesArgs)   \
  K(votes_sort, VotesSortArgs) K(votes_tokens, VotesArgs)                                                     \
  K(spans_mark, SpansArgs) K(spans_mark_in_turn, SpansArgs) K(spans_shares, SpansArgs) K(spans_rows, SpansArgs)     \
  K(key_angles, KeyScoresArgs) K(key_scores, KeyScoresArgs)

namespace longform::card {

// In the order of the list.
enum class Kernel {
#define LONGFORM_CARD_NAME(name, Args) name,
  LONGFORM_CARD_KERNELS(LONGFORM_CARD_NAME)
#undef LONGFORM_CARD_NAME
      kCount
};

// Answers of top_keys_N and top_keys_cores_* that a thread keeps for a row of queries.
constexpr int64_t kSlots = 4;
// Queries and keys of one tile.
constexpr int64_t kTileQueries = 32;
constexpr int64_t kTileKeys = 32;

}  // namespace longform::card
