package org.longform.kernels.device.reference;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;

/** Top-k by scoring every candidate and sorting. */
final class ReferenceTopKeys {
  private ReferenceTopKeys() {}

  /** A candidate and its score. */
  private record Scored(long row, float score) {}

  static TopKeys find(TopKeysRequest request) {
    request.validate();
    int heads = request.heads();
    int queries = request.queryCount();
    int k = request.answers();
    long[] rows = new long[heads * queries * k];
    float[] scores = new float[rows.length];
    for (int h = 0; h < heads; h++) {
      for (int t = 0; t < queries; t++) {
        List<Scored> candidates = candidates(request, h, request.firstQuery() + t);
        long[] order = order(candidates);
        for (int j = 0; j < k; j++) {
          Scored chosen = candidates.get((int) order[j]);
          rows[(h * queries + t) * k + j] = chosen.row;
          scores[(h * queries + t) * k + j] = chosen.score;
        }
      }
    }
    return TopKeys.exhaustive(request, k, rows, scores);
  }

  /** The best row of each block, in the order of the blocks. */
  private static List<Scored> candidates(TopKeysRequest request, int head, int query) {
    int headDim = request.cache().headDim();
    int heads = request.heads();
    int kvHeads = request.cache().kvHeads();
    TopKeysRequest.Scoring scoring = request.scoring();
    int kvHead =
        scoring.pairing() == TopKeysRequest.Pairing.GROUP ? head * kvHeads / heads : head % kvHeads;
    float[] q = new float[headDim];
    request.queries().read(((long) query * heads + head) * headDim, q);
    if (scoring.query().turns()
        && scoring.query().encoding() instanceof PositionEncoding.Rope rope) {
      rope.rotate(q, 0, scoring.query().position());
    }
    List<Scored> scored = new ArrayList<>();
    for (long block = request.from(); block < request.to(); block += scoring.blockRows()) {
      Scored best = null;
      for (long row = block; row < Math.min(request.to(), block + scoring.blockRows()); row++) {
        Scored candidate = new Scored(row, score(request, q, kvHead, row));
        if (best == null || candidate.score > best.score) {
          best = candidate;
        }
      }
      scored.add(best);
    }
    return scored;
  }

  /** Numbers of candidates in the low words: the best first, of equal ones the first first. */
  private static long[] order(List<Scored> candidates) {
    long[] order = new long[candidates.size()];
    for (int i = 0; i < order.length; i++) {
      int bits = Float.floatToIntBits(candidates.get(i).score);
      // whole numbers in the order of the scores
      int rank = bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
      order[i] = (long) ~rank << Integer.SIZE | i;
    }
    Arrays.sort(order);
    return order;
  }

  private static float score(TopKeysRequest request, float[] q, int kvHead, long row) {
    float[] key = new float[q.length];
    request.cache().readKey(kvHead, row, key);
    double dot = 0;
    for (int d = 0; d < q.length; d++) {
      dot += (double) q[d] * key[d];
    }
    float score = (float) (dot * norm(request, kvHead, row));
    return Float.isNaN(score) ? Float.NEGATIVE_INFINITY : score;
  }

  private static double norm(TopKeysRequest request, int kvHead, long row) {
    if (request.scoring().keyNorm() == TopKeysRequest.KeyNorm.NONE) {
      return 1;
    }
    float[] value = new float[request.cache().headDim()];
    request.cache().readValue(kvHead, row, value);
    double l1 = 0;
    double squares = 0;
    for (float v : value) {
      l1 += Math.abs(v);
      squares += (double) v * v;
    }
    return request.scoring().keyNorm() == TopKeysRequest.KeyNorm.VALUE_L1 ? l1 : Math.sqrt(squares);
  }
}
