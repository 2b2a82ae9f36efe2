/*
 * The whole contract between Longform's Java code and its native kernels.
 *
 * Conventions
 *   T new tokens, S cached tokens, H query heads, G key/value heads, D head dimensions,
 *   I inner (contracted) and O outer width of a matrix. Arrays are row-major and dense.
 *   Activations are float32. Every size and offset is int64_t; addresses come from Java as they are.
 *   A function answers 0, or another status; kernels_last_error() then tells this thread why.
 *   The caller has checked shapes, row lists and dtypes: nothing here reads a file or trusts one.
 *   Functions are thread-safe; one device serves all tasks of a process.
 */
#ifndef LONGFORM_KERNELS_H
#define LONGFORM_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever anything in this file changes; compared when the library is loaded. */
#define KERNELS_ABI 15

enum kernels_status { KERNELS_OK = 0, KERNELS_INVALID = 1, KERNELS_NO_MEMORY = 2, KERNELS_UNSUPPORTED = 3, KERNELS_LOST = 4 };

/* Ordinals of org.longform.kernels.tensor.DType. */
enum kernels_dtype {
  KERNELS_F32 = 0,
  KERNELS_F16 = 1,
  KERNELS_BF16 = 2,
  KERNELS_Q8_0 = 3,
  KERNELS_Q4_0 = 4,
  KERNELS_Q5_0 = 5,
  KERNELS_Q4_K = 6,
  KERNELS_Q5_K = 7,
  KERNELS_Q6_K = 8
};

/* Ordinals of org.longform.kernels.cache.KvDType. */
enum kernels_kv_dtype { KERNELS_KV_F32 = 0, KERNELS_KV_F16 = 1, KERNELS_KV_Q8 = 2 };

typedef struct kernels_device kernels_device;

int32_t kernels_abi(void);
const char *kernels_last_error(void);

/* Instruction sets compiled into this library, best first. */
int32_t kernels_isa_count(void);
const char *kernels_isa_name(int32_t isa);
/* NULL if this processor has the instruction set, else what it lacks. */
const char *kernels_isa_missing(int32_t isa);

/* A device with one pool of threads, the callers' own included. */
int32_t kernels_open(int32_t isa, int32_t threads, kernels_device **device);
void kernels_close(kernels_device *device);

/*
 * A thread that is about to call operations one after the other says so, and says when it is done:
 * the pool lends helpers only while fewer callers than threads are at work.
 */
void kernels_enter(kernels_device *device);
void kernels_leave(kernels_device *device);

/*
 * A stretch of a mapped file will be read soon; one that was read need not stay in memory. Hints: nothing
 * tells whether they were taken. Never for memory that is no file's: its content would be lost.
 */
void kernels_prefetch(const void *from, int64_t bytes);
void kernels_forget(const void *from, int64_t bytes);

/*
 * Zeroed memory that begins where a large page of the system may (2 MB), and asks for those: what is read once
 * and far apart, as keys are, is found with fewer look-ups. NULL if the system refuses. Goes back with its size.
 */
void *kernels_large_allocate(int64_t bytes);
void kernels_large_release(void *memory, int64_t bytes);

/* out[t] = table[ids[t]]; table (V, I) of dtype, out (T, I). */
int32_t kernels_gather(kernels_device *device, const void *table, int32_t dtype, int64_t inner,
                       const int32_t *ids, int64_t tokens, float *out);

/* x[t] += bias; x (T, O), bias (O) float32. */
int32_t kernels_add_bias(kernels_device *device, float *x, const float *bias, int64_t tokens, int64_t outer);

/* x += y. */
int32_t kernels_add(kernels_device *device, float *x, const float *y, int64_t elements);

/* out[t] = x[t] / sqrt(mean(x[t]^2) + epsilon) * gain; x, out (T, I), gain (I). */
int32_t kernels_rms_norm(kernels_device *device, const float *x, const float *gain, double epsilon,
                         int64_t tokens, int64_t inner, float *out);

/* out[t] = x[t] less its mean; x, out (T, I). */
int32_t kernels_center(kernels_device *device, const float *x, int64_t tokens, int64_t inner, float *out);

/* gate = silu(gate) * up. */
int32_t kernels_swi_glu(kernels_device *device, float *gate, const float *up, int64_t elements);

/* x *= y. */
int32_t kernels_multiply(kernels_device *device, float *x, const float *y, int64_t elements);

/* Functions of one number; all but the first three have a parameter p. */
enum kernels_function {
  KERNELS_SILU = 0,      /* x / (1 + exp(-x)) */
  KERNELS_GELU = 1,      /* x * (1 + erf(x / sqrt 2)) / 2 */
  KERNELS_GELU_TANH = 2, /* x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) / 2 */
  KERNELS_SCALE = 3,     /* p * x */
  KERNELS_SOFT_CAP = 4,  /* p * tanh(x / p) */
  KERNELS_CLAMP = 5      /* x within -p..p */
};

/* x = f(x). */
int32_t kernels_map(kernels_device *device, int32_t function, double parameter, float *x, int64_t elements);

/* One product that shares its left side with others of the same call. */
typedef struct {
  const void *weight; /* (O, I) of dtype, rows dense */
  float *out;         /* (T, O) */
  int64_t outer;      /* O */
  int64_t dtype;      /* kernels_dtype */
} kernels_product;

/* Up to so many tokens each row of a product is, bit for bit, what it is for one token. */
enum { KERNELS_ALIKE_TOKENS = 8 };

/* out_j = x · w_jᵀ for every product; x (T, I). */
int32_t kernels_matmul(kernels_device *device, const float *x, int64_t tokens, int64_t inner,
                       const kernels_product *products, int64_t count);

/* Rows of a cache that lie side by side: key of row i at key + i * row_bytes. */
typedef struct {
  const char *key; /* first head's key of the first row */
  int64_t row;     /* document index of the first row */
  int64_t index;   /* place of the first row in the segment's list */
  int64_t count;
} kernels_run;

/* How one layer's keys and values lie in memory. */
typedef struct {
  int64_t dtype;        /* kernels_kv_dtype */
  int64_t kv_heads;     /* G */
  int64_t head_dim;     /* D */
  int64_t row_bytes;    /* from one row to the next of a head */
  int64_t value_stride; /* from a key to its value */
  int64_t head_stride;  /* from a head's key to the next head's */
} kernels_kv_layout;

/* Where rows of a cache are to be written, side by side. */
typedef struct {
  char *key;     /* first head's key of the first row */
  int64_t from;  /* token that becomes the first row */
  int64_t count;
} kernels_place;

/* Stores keys and values (T, G*D), bit for bit as org.longform.kernels.cache.KvDType does. */
int32_t kernels_store(kernels_device *device, const kernels_kv_layout *layout, const float *keys, const float *values,
                      const kernels_place *places, int64_t count);

enum kernels_position_kind {
  KERNELS_POSITION_TRUE = 0,       /* row */
  KERNELS_POSITION_CONTIGUOUS = 1, /* keys: first + index */
  KERNELS_POSITION_CONSTANT = 2,   /* position */
  KERNELS_POSITION_STRIDED = 3,    /* keys: first + floor((row - anchor) / stride) */
  KERNELS_POSITION_SHIFTED = 4,    /* queries: row + position */
  KERNELS_POSITION_LISTED = 5,     /* positions[row - anchor] */
  KERNELS_POSITION_PACKED = 6      /* queries: row + position + how many rows the card chose */
};

enum kernels_band_kind {
  KERNELS_BAND_CAUSAL = 0, /* key <= query */
  KERNELS_BAND_NEAR = 1,   /* 0 <= query - key < width */
  KERNELS_BAND_FAR = 2,    /* query - key >= width */
  KERNELS_BAND_TREE = 3,   /* key < width (the first new row), or mask[query - width][key - width] */
  KERNELS_BAND_BETWEEN = 4 /* width <= query - key < width_end */
};

/* A row of a cache that a card chose: see kernels_spans. */
typedef struct {
  const char *key; /* first head's key */
  int64_t row;
} kernels_chosen_row;

/* A set of cached rows that queries attend to; mirrors org.longform.kernels.attention.Segment. */
typedef struct {
  const kernels_run *runs;
  const int64_t *run_starts; /* (groups + 1): runs of group g are run_starts[g] .. run_starts[g+1] */
  int64_t groups;            /* 1, G or H */
  int64_t key_kind;          /* kernels_position_kind */
  int64_t key_anchor;
  int64_t key_first;
  int64_t key_stride;
  double key_position;
  int64_t query_kind; /* kernels_position_kind */
  double query_position;
  int64_t band; /* kernels_band_kind */
  int64_t width;
  const uint8_t *mask; /* (mask_width, mask_width), tree only */
  int64_t mask_width;
  int64_t query_from; /* rows of the block that take part, by document index */
  int64_t query_to;
  const double *head_scales; /* (H) or NULL */
  double logit_scale;
  const double *key_positions; /* listed only: of every row of the runs */
  int64_t query_anchor;
  const double *query_positions; /* listed only: of every row of the block that takes part */
  int64_t width_end;             /* between only */
  int64_t resident;              /* whether all rows of runs lie in memory of the card; if not, anywhere */
  /* In memory of the card, or NULL: how many rows the card chose, and those. They stand in the only list before the
     runs whose index is chosen_place or more, which does not count them. Not where mass is asked for. */
  const int64_t *chosen_count;
  const kernels_chosen_row *chosen_rows;
  int64_t chosen_place;
  int64_t chosen_most; /* there are no more than these */
  /* The same runs in memory of the card, or NULL. Then they are those of the only list, which ends at place list_end:
     the last of them may go on beyond. Not where mass is asked for. */
  const kernels_run *kept_runs;
  int64_t list_end;
} kernels_segment;

enum kernels_encoding { KERNELS_ROPE_HALF_SPLIT = 0, KERNELS_ROPE_INTERLEAVED = 1, KERNELS_ALIBI = 2 };

/* Softmax attention over segments; mirrors org.longform.kernels.device.AttendRequest. */
typedef struct {
  const float *queries; /* (T, H*D) before rotation */
  float *out;           /* (T, H*D); zeros for a query that sees nothing */
  float *log_sum_exp;   /* (T, H) or NULL */
  /* or NULL: for each segment and each of its groups the mass of the rows of its runs, summed over queries;
     summed over heads, too: float [rows], or for each query head of the group: float [heads of group, rows] */
  float *mass;
  int64_t mass_of_heads; /* whether mass is of each head */
  int64_t tokens; /* T */
  int64_t heads;  /* H */
  int64_t first_row;
  double scale;
  int64_t encoding;                /* kernels_encoding */
  const double *frequencies;       /* (pairs) radians per position; ALiBi: slopes (H) */
  int64_t pairs;                   /* dimensions beyond 2 * pairs pass through */
  double attention_factor;         /* on cos and sin */
  const kernels_kv_layout *layout;
  const kernels_segment *segments;
  int64_t segment_count;
  double soft_cap; /* logits become soft_cap * tanh(logit / soft_cap); 0 leaves them */
} kernels_attention;

int32_t kernels_attend(kernels_device *device, const kernels_attention *attention);

enum kernels_pairing { KERNELS_PAIRING_GROUP = 0, KERNELS_PAIRING_MODULO = 1 };
enum kernels_key_norm { KERNELS_NORM_NONE = 0, KERNELS_NORM_VALUE_L1 = 1, KERNELS_NORM_VALUE_L2 = 2 };

/* Rows of a page of the cache; a sketch is of one page. */
enum { KERNELS_SKETCH_ROWS = 64 };

/* A page whose rows are all written, one layer of it. */
typedef struct {
  const char *key; /* first head's key of the first row */
  char *sketch;    /* G times kernels_sketch_bytes, aligned to 64; head after head */
} kernels_sketch_page;

/* Bytes of the sketch of one head, a multiple of 64. */
int64_t kernels_sketch_bytes(int64_t head_dim);

/* Makes the sketches of pages: bounds of q·k in a third of the bytes of float16 keys (sketch.h). On a
   card of pages that lie there, to memory that lies there; the device that made a sketch is the one to use it. */
int32_t kernels_sketch(kernels_device *device, const kernels_kv_layout *layout, const kernels_sketch_page *pages,
                       int64_t count);

/* The k best keys for each head and query; mirrors org.longform.kernels.device.TopKeysRequest. */
typedef struct {
  const float *queries; /* (Q, H*D), turned already if they are to be turned */
  int64_t query_count;  /* Q */
  int64_t heads;        /* H */
  const kernels_kv_layout *layout;
  const kernels_run *runs; /* the candidates, row after row; index counts from `from`; the last may go on beyond `to` */
  int64_t run_count;
  int64_t from; /* first candidate */
  int64_t to;   /* one past the last */
  int64_t k;
  int64_t pairing;
  int64_t key_norm;
  int64_t block_rows; /* of every so many consecutive candidates only the best is one; 1 is exact */
  /* (runs) sketch of the page that a run of KERNELS_SKETCH_ROWS is, or NULL; NULL if there is none. The
     answer is the same with and without. Only for block_rows 1 and no key norm. A card takes those of
     resident runs, each of one page, where up to 16 queries meet a key head and k is up to 4, and
     reads all keys otherwise; this list may lie there, too. */
  const char *const *sketches;
  int64_t *rows;      /* (H, Q, k), best first; among equal scores the earlier row */
  float *scores;      /* (H, Q, k); what is no number counts as -inf */
  int64_t *rescored;  /* how many scores were computed, of H * Q * (to - from); on the host */
  int64_t resident;   /* whether runs and their rows lie in memory of the card; if not, runs lie on the host */
} kernels_top_keys_request;

int32_t kernels_top_keys(kernels_device *device, const kernels_top_keys_request *request);

/* Which tokens come first; ordinals of org.longform.kernels.device.VotesRequest.Order. */
enum kernels_vote_order {
  KERNELS_ORDER_VOTES = 0, /* those with the most votes; of equals the earlier token */
  KERNELS_ORDER_RANK = 1   /* the best of each head and query, then the second of each */
};

/* The tokens that heads and queries vote for by their best keys; mirrors org.longform.kernels.device.VotesRequest. */
typedef struct {
  const kernels_top_keys_request *keys; /* rows, scores and rescored are not written */
  int64_t order;                        /* kernels_vote_order */
  int64_t limit;                        /* most tokens */
  int64_t *tokens;                      /* up to limit, H * Q * k or all candidates, each once */
  int64_t *count;                       /* how many they are; on the host */
} kernels_votes_request;

/* KERNELS_UNSUPPORTED where votes are not counted by the device: whoever has the best keys can count them. */
int32_t kernels_votes(kernels_device *device, const kernels_votes_request *request);

/* Spans around the tokens that are voted for, united; mirrors org.longform.kernels.device.SpansRequest. */
typedef struct {
  const kernels_votes_request *votes; /* tokens and count are not written; the candidates are resident */
  int64_t reach;  /* a span has so many tokens before a voted one, it, and one less behind it; at least 1 */
  int64_t budget; /* most rows, or negative: a span of which more is new than fits is left out, in the order of votes */
  /* In memory of the card: how many rows they are, and the rows as the document has them. No more than budget,
     2 * reach for each token that may be chosen, or all candidates. */
  int64_t *count;
  kernels_chosen_row *rows;
} kernels_spans_request;

/* Nobody waits for the answer. KERNELS_UNSUPPORTED where votes are not counted, or not all of it lies on the card. */
int32_t kernels_spans(kernels_device *device, const kernels_spans_request *request);

/* For each head the largest q·k of its queries with each of its keys; mirrors org.longform.kernels.device.KeyScoresRequest. */
typedef struct {
  const float *queries; /* (Q, H, D) as they meet the keys */
  int64_t query_count;  /* Q */
  int64_t heads;        /* H */
  const kernels_kv_layout *layout;
  const kernels_run *keys; /* (H, N), each of one row */
  int64_t count;           /* N */
  const double *positions; /* (N) where keys are turned, or NULL if they are taken as they are */
  int64_t encoding;        /* kernels_encoding, how they are turned */
  const double *frequencies; /* (pairs) radians per position */
  int64_t pairs;
  double attention_factor; /* on cos and sin */
  float *scores;           /* (H, N); -inf where no product is a number */
  int64_t resident;        /* whether all keys lie in memory of the card; if not, anywhere */
} kernels_key_scores_request;

/* KERNELS_UNSUPPORTED where the device does not do it: whoever reads the keys can. */
int32_t kernels_key_scores(kernels_device *device, const kernels_key_scores_request *request);

/*
 * Cards: devices with memory of their own, which the host does not address. A device that is opened on a card does its
 * operations there. Weights, activations and rows of a cache may lie on the host or in card memory, in any mix; what
 * is on the host is copied for each operation, and row-wise operations of host memory alone are done where it lies, as
 * is by the processor what the card's kernels do not do. KERNELS_UNSUPPORTED if that is in card memory; nothing is
 * written then. KERNELS_LOST means that the card answers nothing any more in this process.
 *
 * An operation has read what lies on the host, and written what is to lie there, when it returns. What it writes to
 * card memory may come later: the operations and copies of a device are done in the order of the calls, so each finds
 * what those before it wrote.
 */
int32_t kernels_card_count(void);
const char *kernels_card_name(int32_t card);
/* NULL if the card can be used, else why not; without any card, why there is none. */
const char *kernels_card_missing(int32_t card);
/* Opens a card whose answers to a few small questions are those of the processor. */
int32_t kernels_open_card(int32_t card, int32_t threads, kernels_device **device);

/* Memory of the card, aligned to 256 bytes. All of it is released with the device. */
int32_t kernels_card_allocate(kernels_device *device, int64_t bytes, void **memory);
int32_t kernels_card_release(kernels_device *device, void *memory);
/*
 * The same, zeroed in the order of the calls. What is released may be given to the next who asks for as much, and the
 * card is not waited for.
 */
int32_t kernels_card_take(kernels_device *device, int64_t bytes, void **memory);
/*
 * Memory of the host, page-locked, that the card reads and writes where it lies, across the bus: for what is seldom
 * read. To everything else it is memory of the card, which the host does not address; but it is not zeroed, and
 * counts in nobody's room. KERNELS_NO_MEMORY where the system refuses it, KERNELS_UNSUPPORTED without a card.
 */
int32_t kernels_card_take_pinned(kernels_device *device, int64_t bytes, void **memory);
/* Bytes to be copied. */
typedef struct {
  const char *from;
  char *to;
  int64_t bytes;
} kernels_piece;

/*
 * Copies pieces within memory of the card, without the host: as if all were read before any is written. No byte is
 * written twice. KERNELS_UNSUPPORTED if anything lies elsewhere; nothing is copied then.
 */
int32_t kernels_copy(kernels_device *device, const kernels_piece *pieces, int64_t count);
/* Returns when all that was asked for before is done, for whoever measures. */
int32_t kernels_finish(kernels_device *device);
/* From the host, which may change `from` when this returns, or to the host, where the bytes are then. */
int32_t kernels_card_copy(kernels_device *device, void *to, const void *from, int64_t bytes);
/* Bytes that may be taken, what is kept of released memory among them, and all. */
int32_t kernels_card_room(kernels_device *device, int64_t *free_bytes, int64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
