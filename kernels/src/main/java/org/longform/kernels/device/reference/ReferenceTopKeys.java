package org.longform.kernels.device.reference;

import java.util.ArrayList;
import java.util.Comparator;
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
        List<Scored> best = best(request, h, request.firstQuery() + t);
        for (int j = 0; j < k; j++) {
          rows[(h * queries + t) * k + j] = best.get(j).row;
          scores[(h * queries + t) * k + j] = best.get(j).score;
        }
      }
    }
    return TopKeys.exhaustive(request, k, rows, scores);
  }

  private static List<Scored> best(TopKeysRequest request, int head, int query) {
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
    scored.sort(
        Comparator.comparingDouble((Scored s) -> s.score).reversed().thenComparingLong(s -> s.row));
    return scored;
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
