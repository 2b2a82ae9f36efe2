package org.longform.kernels.device.nd4j;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;

/**
 * The best keys of each query: scores of one tile of candidates at a time by one product, then a
 * scan against the worst token kept so far, so that the scores of all candidates never exist
 * together.
 */
final class TopKeysSearch {
  private static final int MOST_ROWS = 512;
  private static final int MOST_KEYS = 8192;
  private static final int SCORES = 1 << 19;
  private static final int SCAN = 128;

  private final TopKeysRequest request;
  private final Scratch scratch;
  private final KvView cache;
  private final int headDim;
  private final int k;
  private final long[] rows;
  private final float[] scores;

  private TopKeysSearch(TopKeysRequest request, Scratch scratch) {
    this.request = request;
    this.scratch = scratch;
    this.cache = request.cache();
    this.headDim = cache.headDim();
    this.k = request.answers();
    this.rows = new long[Math.multiplyExact(request.heads() * request.queryCount(), k)];
    this.scores = new float[rows.length];
  }

  static TopKeys find(TopKeysRequest request, Scratch scratch) {
    request.validate();
    TopKeysSearch search = new TopKeysSearch(request, scratch);
    if (search.rows.length > 0) {
      for (int kvHead = 0; kvHead < request.cache().kvHeads(); kvHead++) {
        search.head(kvHead);
      }
    }
    return TopKeys.exhaustive(request, search.k, search.rows, search.scores);
  }

  /** Query {@code number} of those that are compared with one key/value head. */
  private record Asking(int head, int query) {}

  private void head(int kvHead) {
    int sharers = request.heads() / cache.kvHeads();
    int most = sharers * request.queryCount();
    for (int from = 0; from < most; from += MOST_ROWS) {
      Asking[] asking = new Asking[Math.min(MOST_ROWS, most - from)];
      for (int i = 0; i < asking.length; i++) {
        int sharer = (from + i) / request.queryCount();
        int head =
            request.scoring().pairing() == TopKeysRequest.Pairing.GROUP
                ? kvHead * sharers + sharer
                : sharer * cache.kvHeads() + kvHead;
        asking[i] = new Asking(head, (from + i) % request.queryCount());
      }
      search(kvHead, asking);
    }
  }

  private void search(int kvHead, Asking[] asking) {
    pack(asking);
    BlockBest[] best = new BlockBest[asking.length];
    for (int i = 0; i < best.length; i++) {
      best[i] = new BlockBest(new BestKeys(k), request.from(), request.scoring().blockRows());
    }
    int tile =
        (int) Math.min(Math.min(MOST_KEYS, SCORES / asking.length), request.to() - request.from());
    for (long from = request.from(); from < request.to(); from += tile) {
      int count = (int) Math.min(tile, request.to() - from);
      float[] norms = gather(kvHead, from, count);
      Blas.timesTransposed(
          scratch.queries.pointer(),
          scratch.keys.pointer(),
          scratch.scores.reserve(asking.length * tile).pointer(),
          asking.length,
          count,
          headDim,
          1f);
      float[] found = scratch.wide(count);
      for (int i = 0; i < asking.length; i++) {
        scratch.scores.read(i * count, found, 0, count);
        if (request.scoring().keyNorm() != TopKeysRequest.KeyNorm.NONE) {
          for (int j = 0; j < count; j++) {
            found[j] *= norms[j];
          }
        }
        best[i].scan(found, from, count);
      }
    }
    for (int i = 0; i < asking.length; i++) {
      int slot = asking[i].head * request.queryCount() + asking[i].query;
      best[i].finish().drain(rows, scores, slot * k);
    }
  }

  private void pack(Asking[] asking) {
    float[] packed = scratch.wide(asking.length * headDim);
    TopKeysRequest.QueryTurn turn = request.scoring().query();
    for (int i = 0; i < asking.length; i++) {
      long row = (long) request.firstQuery() + asking[i].query;
      request
          .queries()
          .read((row * request.heads() + asking[i].head) * headDim, packed, i * headDim, headDim);
      if (turn.turns() && turn.encoding() instanceof PositionEncoding.Rope rope) {
        rope.rotate(packed, i * headDim, turn.position());
      }
    }
    scratch.queries.reserve(asking.length * headDim).write(0, packed, asking.length * headDim);
  }

  /** Copies un-rotated keys side by side; answers the norms of the values if they are wanted. */
  private float[] gather(int kvHead, long from, int count) {
    float[] keys = scratch.wide(count * headDim);
    boolean normed = request.scoring().keyNorm() != TopKeysRequest.KeyNorm.NONE;
    float[] values = normed ? scratch.narrow(count * headDim) : keys;
    float[] norms = new float[normed ? count : 0];
    for (int done = 0; done < count; ) {
      long row = from + done;
      int run = cache.contiguous(row, from + count);
      cache.readKeys(kvHead, row, run, keys, done * headDim);
      if (normed) {
        cache.readValues(kvHead, row, run, values, done * headDim);
      }
      done += run;
    }
    for (int i = 0; i < norms.length; i++) {
      norms[i] = (float) norm(values, i * headDim);
    }
    scratch.keys.reserve(count * headDim).write(0, keys, count * headDim);
    return norms;
  }

  private double norm(float[] values, int at) {
    double l1 = 0;
    double squares = 0;
    for (int d = at; d < at + headDim; d++) {
      l1 += Math.abs(values[d]);
      squares += (double) values[d] * values[d];
    }
    return request.scoring().keyNorm() == TopKeysRequest.KeyNorm.VALUE_L1 ? l1 : Math.sqrt(squares);
  }

  /** Offers every score, or of each block of consecutive candidates only the best. */
  private static final class BlockBest {
    private final BestKeys best;
    private final int blockRows;
    private long blockEnd;
    private long row = -1;
    private float score;

    BlockBest(BestKeys best, long from, int blockRows) {
      this.best = best;
      this.blockRows = blockRows;
      this.blockEnd = from + blockRows;
    }

    void scan(float[] found, long from, int count) {
      if (blockRows > 1) {
        for (int i = 0; i < count; i++) {
          block(from + i, found[i]);
        }
        return;
      }
      for (int at = 0; at < count; at += SCAN) {
        int end = Math.min(count, at + SCAN);
        // most stretches hold nothing good enough: their largest score tells
        if (best.isFull() && !(Exponentials.max(found, at, end) > best.bar())) {
          continue;
        }
        for (int i = at; i < end; i++) {
          if (!best.isFull() || found[i] > best.bar()) {
            best.offer(from + i, found[i]);
          }
        }
      }
    }

    private void block(long candidate, float found) {
      // what is not a number is worse than everything
      float value = Float.isNaN(found) ? Float.NEGATIVE_INFINITY : found;
      if (candidate == blockEnd) {
        best.offer(row, score);
        row = -1;
        blockEnd += blockRows;
      }
      if (row < 0 || value > score) {
        row = candidate;
        score = value;
      }
    }

    BestKeys finish() {
      if (row >= 0) {
        best.offer(row, score);
      }
      return best;
    }
  }
}
